"""What a run keeps of what its model does."""

import torch

from small_runs import events_of

WANTED = "classifier__trainer__interpretability"


def _files(run_dir):
    folder = run_dir / "interpretability"
    return {path.name: torch.load(path, weights_only=True) for path in sorted(folder.glob("*.pt"))}


def test_a_file_for_each_chosen_epoch(config, train, run_dir):
    train(
        config(
            "transformer_classifier",
            run_dir=str(run_dir),
            classifier__model__attention__type="differential",
            classifier__model__moe__enabled=True,
            **{f"{WANTED}__enabled": True, f"{WANTED}__checkpoint_epochs": [0, 2]},
            **{f"{WANTED}__n_events": 5},
        )
    )
    files = _files(run_dir)
    assert list(files) == ["epoch_0.pt", "epoch_2.pt"]
    for content in files.values():
        assert set(content) == {
            "attention_maps", "bias_gates", "differential_lambda", "events", "gradient_norms",
            "moe_routing",
        }  # fmt: skip
        maps = content["attention_maps"]["blocks.0.attention"]
        assert maps.shape[:2] == (5, 4)  # 2 heads, 2 softmaxes each
        assert content["events"]["tokens_id"].shape[0] == 5
        norms = content["gradient_norms"]
        assert 0 < sum(float(norm) ** 2 for norm in norms.values()) ** 0.5 <= 1.0001  # clipped
    first, last = (content["bias_gates"] for content in files.values())
    assert any(not torch.equal(first[name], last[name]) for name in first)


def test_looking_changes_no_number(config, train, tmp_path):
    looked = {f"{WANTED}__enabled": True}
    expected = train(config("transformer_classifier", run_dir=str(tmp_path / "plain")))
    results = train(config("transformer_classifier", run_dir=str(tmp_path / "looked"), **looked))
    assert results == expected
    assert not (tmp_path / "plain" / "interpretability").exists()


def test_embeddings_of_ids_alone(config, train, run_dir):
    options = {"classifier__trainer__log_pid_embeddings": True}
    train(config("transformer_classifier", run_dir=str(run_dir), **options))
    files = _files(run_dir)
    assert [list(content) for content in files.values()] == [["pid_embedding"]] * 3
    first, *_, last = (content["pid_embedding"]["weight"] for content in files.values())
    assert first.shape == (8, 4)
    assert not torch.equal(first, last)


def test_a_penalty_trains_the_model_but_is_no_part_of_the_loss(config, train, tmp_path):
    routers = []
    for penalty in (0.0, 10.0):
        run_dir = tmp_path / str(penalty)
        train(
            config(
                "transformer_classifier",
                run_dir=str(run_dir),
                classifier__model__moe__enabled=True,
                classifier__model__moe__load_balance_loss_weight=penalty,
            )
        )
        assert max(events_of(run_dir)[-1]["histories"]["train_loss"]) < 2  # the penalty is 10 or so
        weights = torch.load(run_dir / "last.pt", weights_only=True)["model"]["weights"]
        routers.append(weights["blocks.0.feed_forward.router.weight"])
    assert not torch.equal(*routers)
