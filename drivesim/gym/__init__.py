"""Driving as a Gymnasium environment: ``pip install "drivesim[gym]"``.

::

    import drivesim.gym as driving

    env = driving.make("highway-cut-in", seconds=20)
    picture, info = env.reset(seed=7)
    picture, reward, terminated, truncated, info = env.step(env.action_space.sample())
"""

from drivesim.extras import require_packages

try:
    from drivesim.gym.environment import DrivingEnv, make, make_vec
    from drivesim.gym.reward import RewardWeights
except ModuleNotFoundError:
    require_packages("gym")
    raise

__all__ = ["DrivingEnv", "RewardWeights", "make", "make_vec"]
