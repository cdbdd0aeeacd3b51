"""Light on the ground of one camera view: sun and shadows, headlights, street lamps, wet shine and haze.

Everything that does not move with the traffic is worked out once per view; haze and shine are both blends towards a
fixed colour, so together they are one gain and one offset for each pixel.
"""

from __future__ import annotations

import numpy as np

from drivesim.renderer.lighting import BEAM_COLOUR, LAMP_COLOUR, Lighting, headlight_pool
from drivesim.renderer.street_lamps import lamp_light
from drivesim.renderer.view import CameraView, RoadCoordinates

_BRIGHTEST = np.float32(1.15)


class GroundLight:
    """Turns the albedo of the ground into its picture."""

    def __init__(self, view: CameraView, lighting: Lighting) -> None:
        self._lighting = lighting
        single = np.float32
        clear = np.exp(view.range_m * single(-lighting.extinction))
        shine = np.zeros_like(clear)
        if lighting.wetness > 0.05:
            shine = np.clip(view.range_m / 90.0, 0.0, 1.0) * single(0.42 * min(1.0, lighting.wetness * 1.3))
        self._gain = (clear * (1.0 - shine)).astype(single)
        self._offset = ((clear * shine)[..., None] * lighting.horizon + (1.0 - clear)[..., None] * lighting.fog).astype(
            single
        )
        self._sunlit = lighting.ground().astype(single)
        self._beam = headlight_pool(view.forward, view.left).astype(single) if lighting.darkness > 0.05 else None

    def apply(
        self, albedo: np.ndarray, shadow: np.ndarray, at: RoadCoordinates, paved: tuple[float, float]
    ) -> np.ndarray:
        """Ground picture float32 (rows, W, 3) of ``albedo``; ``shadow`` (rows, W) is the share of light taken away."""
        lighting = self._lighting
        open_share = np.float32(1.0) - shadow
        if self._beam is None:
            albedo *= (open_share * self._gain)[..., None]
            albedo *= np.minimum(self._sunlit, _BRIGHTEST)
        else:
            light = open_share[..., None] * self._sunlit
            beam = self._beam * (np.float32(1.0) - np.float32(0.6) * shadow)
            light += beam[..., None] * (BEAM_COLOUR * lighting.darkness).astype(np.float32)
            if lighting.street_lights:
                lamps = lamp_light(at.along, at.across, paved)
                light += lamps[..., None] * (LAMP_COLOUR * lighting.darkness).astype(np.float32)
            np.minimum(light, _BRIGHTEST, out=light)
            light *= self._gain[..., None]
            albedo *= light
        albedo += self._offset
        return albedo
