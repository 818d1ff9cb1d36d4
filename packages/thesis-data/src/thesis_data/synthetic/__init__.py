"""Toy Monte Carlo of 4t, ttH, ttW, ttWW and ttZ: from a hard process to reconstructed objects.

`production` -> `decays` -> `clusters` -> `detector` are the steps of one chunk of events;
`generate.simulate` makes labelled events of them and `dataset.write_toy_dataset` a file.
`config` imports neither numpy nor h5py, so that configurations are checked at once.
"""
