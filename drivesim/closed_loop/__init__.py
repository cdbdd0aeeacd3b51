"""A planner in the loop: it sees the video so far and drives the ego, the traffic reacts, the model makes what comes next."""
