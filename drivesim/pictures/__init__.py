"""Pictures for human eyes: from above, through the camera with what is told drawn over it, futures side by side."""
