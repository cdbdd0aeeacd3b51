"""Traffic: who drives how. Roads, car following, lane changes, crossings, and the simulation that plays them."""
