import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from thesis_data.pools import count_steps, deal_blocks, equal_cuts, ordered_cuts


@given(
    n_blocks=st.integers(0, 200),
    n_pools=st.integers(1, 12),
    n_ranks=st.integers(1, 5),
    epoch=st.integers(0, 3),
)
def test_each_block_is_dealt_once_and_evenly(n_blocks, n_pools, n_ranks, epoch):
    dealt = deal_blocks(n_blocks, n_pools, n_ranks, seed=1, epoch=epoch)
    assert [len(pools) for pools in dealt] == [n_pools] * n_ranks
    blocks = np.concatenate([blocks for pools in dealt for blocks in pools])
    assert sorted(blocks.tolist()) == list(range(n_blocks))
    of_hands = [len(blocks) for pools in dealt for blocks in pools]
    assert max(of_hands) - min(of_hands) <= 1
    of_ranks = [sum(len(blocks) for blocks in pools) for pools in dealt]
    assert max(of_ranks) - min(of_ranks) <= 1
    assert all((np.diff(blocks) > 0).all() for pools in dealt for blocks in pools)


@given(n_rounds=st.integers(1, 20), n_pools=st.integers(1, 8), n_ranks=st.integers(1, 3))
def test_a_pool_has_a_block_of_each_stretch_of_the_file(n_rounds, n_pools, n_ranks):
    n_hands = n_pools * n_ranks
    for pools in deal_blocks(n_rounds * n_hands, n_pools, n_ranks, seed=0, epoch=0):
        for blocks in pools:
            assert (blocks // n_hands).tolist() == list(range(n_rounds))


def test_epochs_and_seeds_deal_differently():
    def first(seed, epoch):
        return deal_blocks(100, 10, 1, seed=seed, epoch=epoch)[0][0].tolist()

    assert first(1, 0) == first(1, 0)
    assert first(1, 0) != first(1, 1)
    assert first(1, 0) != first(2, 0)


@given(n_events=st.integers(0, 1000), batch_size=st.integers(1, 300))
def test_equal_cuts_make_batches_of_at_most_the_wanted_size(n_events, batch_size):
    n_steps = count_steps(n_events, batch_size)
    sizes = np.diff(equal_cuts(n_events, n_steps))
    assert len(sizes) == n_steps
    assert sizes.sum() == n_events
    if n_steps:
        assert sizes.max() <= batch_size
        assert sizes.max() - sizes.min() <= 1


@given(n_events=st.integers(0, 500), batch_size=st.integers(1, 100), n_ranks=st.integers(1, 7))
def test_ordered_cuts_of_all_ranks_cover_the_split_in_order(n_events, batch_size, n_ranks):
    cuts = [ordered_cuts(n_events, batch_size, (rank, n_ranks)) for rank in range(n_ranks)]
    assert [cut[0] for cut in cuts[1:]] == [cut[-1] for cut in cuts[:-1]]
    assert (cuts[0][0], cuts[-1][-1]) == (0, n_events)
    assert all((np.diff(cut) > 0).all() for cut in cuts)
    assert len({len(cut) for cut in cuts}) <= 2
