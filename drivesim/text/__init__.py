"""What a sentence says of a scene: a frozen sentence encoder, and a small head that reads words of the scene off its embedding.

It imports the vocabulary, and the hub of :mod:`drivesim.models`. What the words mean in a scenario stands in
:mod:`drivesim.scenarios.scene_text`.
"""
