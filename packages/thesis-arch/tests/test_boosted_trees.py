"""The table of an event against a slow loop over its objects, and trees in a checkpoint."""

import math
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
import torch
import xgboost

from small_models import changed, random_events
from thesis_arch import DataSpec, load_model, model_payload
from thesis_arch.baselines.bdt import BoostedTrees
from thesis_arch.baselines.bdt_config import BDTSpec
from thesis_arch.baselines.table import TableLayout

IDS = {"jet": 1, "b": 2, "e+": 3, "e-": 4, "mu+": 5, "mu-": 6, "photon": 7}
NAN = math.nan


def bdt_spec(include_met: bool = True, features: str = "physics") -> BDTSpec:
    model = {
        "name": "bdt_classifier",
        "n_estimators": 4,
        "max_depth": 3,
        "learning_rate": 0.3,
        "subsample": 1.0,
        "colsample_bytree": 1.0,
        "min_child_weight": 1.0,
        "gamma": 0.0,
        "reg_alpha": 0.0,
        "reg_lambda": 1.0,
        "n_jobs": 1,
        "features": features,
        "early_stopping_rounds": None,
    }
    return BDTSpec.model_validate({"model": model, "globals": {"include_met": include_met}})


def slow_slots(event: Any) -> dict[str, float]:
    columns = {}
    for slot in range(len(event.mask)):
        names = ("e", "pt", "eta", "phi")
        for name, value in zip(names, event.tokens_cont[slot].tolist(), strict=True):
            columns[f"{name}_{slot + 1}"] = value if event.mask[slot] else NAN
        columns[f"id_{slot + 1}"] = float(event.tokens_id[slot]) if event.mask[slot] else NAN
    return columns


def slow_physics(event: Any) -> dict[str, float]:
    """The same columns from Python lists of objects (E, pt, eta, phi, id)."""
    objects = [
        (*event.tokens_cont[slot].double().tolist(), int(event.tokens_id[slot]))
        for slot in range(len(event.mask))
        if event.mask[slot]
    ]
    objects.sort(key=lambda o: -o[1])
    met, met_phi = event.globals.double().tolist()

    def of(*names: str) -> list:
        return [o for o in objects if o[4] in [IDS[name] for name in names]]

    jets, leptons, b_jets = of("jet", "b"), of("e+", "e-", "mu+", "mu-"), of("b")
    columns: dict[str, float] = {f"n_{name}": len(of(name)) for name in IDS}
    columns |= {"n_jets": len(jets), "n_leptons": len(leptons), "n_objects": len(objects)}
    columns["lepton_charge"] = len(of("e+", "mu+")) - len(of("e-", "mu-"))
    ht = sum(o[1] for o in jets)
    columns |= {"HT": ht, "HT_b": sum(o[1] for o in b_jets)}
    columns["HT_leptons"] = sum(o[1] for o in leptons)
    columns["centrality"] = ht / sum(o[0] for o in jets) if jets else NAN
    for name, chosen, n in (("jets", jets, 6), ("b", b_jets, 4), ("leptons", leptons, 2)):
        columns |= {
            f"pt_{name}_{k + 1}": chosen[k][1] if k < len(chosen) else NAN for k in range(n)
        }
    columns |= {
        "mass_all": mass(objects),
        "mass_jets": mass(jets),
        "mass_b": mass(b_jets),
        "mass_leading_4_jets": mass(jets[:4]),
        "mass_leading_jets": mass(jets[:2]) if len(jets) > 1 else NAN,
        "mass_leading_b": mass(b_jets[:2]) if len(b_jets) > 1 else NAN,
        "mass_leading_leptons": mass(leptons[:2]) if len(leptons) > 1 else NAN,
    }
    for name, chosen in (("b", b_jets), ("leptons", leptons)):
        masses = [mass(pair) for pair in combinations(chosen, 2)]
        columns[f"min_mass_{name}"] = min(masses, default=NAN)
        columns[f"max_mass_{name}"] = max(masses, default=NAN)
    columns["min_dR_b"] = min((distance(*p) for p in combinations(b_jets, 2)), default=NAN)
    columns["min_dR_jets"] = min((distance(*p) for p in combinations(jets, 2)), default=NAN)
    columns["min_dR_lepton_b"] = min((distance(*p) for p in product(leptons, b_jets)), default=NAN)
    columns["MET_significance"] = met / math.sqrt(ht) if jets else NAN
    columns["ST"] = sum(o[1] for o in objects) + met
    columns["mT_lepton"] = NAN
    if leptons:
        pt, phi = leptons[0][1], leptons[0][3]
        columns["mT_lepton"] = math.sqrt(2 * pt * met * (1 - math.cos(phi - met_phi)))
    return columns


def mass(objects: Any) -> float:
    if not objects:
        return NAN
    total = np.zeros(4)
    for e, pt, eta, phi, _ in objects:
        total += (e, pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta))
    return math.sqrt(max(total[0] ** 2 - (total[1:] ** 2).sum(), 0.0))


def distance(one: Any, other: Any) -> float:
    d_phi = math.remainder(one[3] - other[3], 2 * math.pi)
    return math.hypot(one[2] - other[2], d_phi)


def some(events: Any, index: Any) -> Any:
    return changed(events, **{name: getattr(events, name)[index] for name in vars(events)})


@pytest.mark.parametrize("with_met", [True, False])
@pytest.mark.parametrize("with_physics", [True, False])
def test_table_is_that_of_a_loop_over_objects(with_met, with_physics, spec):
    events = random_events(200, seed=5)
    order = torch.randperm(events.mask.shape[1], generator=torch.Generator().manual_seed(3))
    slots = {name: getattr(events, name)[:, order] for name in ("tokens_cont", "tokens_id", "mask")}
    events = changed(events, **slots)  # padding anywhere, and not sorted by pt
    layout = TableLayout(spec, with_met, with_physics)
    table = layout.rows(events)
    assert table.dtype == np.float32
    for row, i in zip(table, range(200), strict=True):
        event = some(events, i)
        expected = slow_slots(event)
        if with_met:
            met, met_phi = event.globals.tolist()
            expected |= {"MET": met, "METphi": met_phi}
        if with_physics:
            of_met = ("MET_significance", "ST", "mT_lepton")
            physics = slow_physics(event)
            expected |= {k: v for k, v in physics.items() if with_met or k not in of_met}
        assert set(layout.columns) == expected.keys()
        np.testing.assert_allclose(
            row, [expected[name] for name in layout.columns], rtol=1e-4, atol=1e-3
        )


def test_what_stands_in_padded_slots_never_matters(spec, events):
    layout = TableLayout(spec, with_met=True, with_physics=True)
    padding = ~events.mask
    poisoned = changed(
        events,
        tokens_cont=events.tokens_cont.masked_fill(padding[..., None], 7.0),
        tokens_id=events.tokens_id.masked_fill(padding, 2),
    )
    np.testing.assert_array_equal(layout.rows(poisoned), layout.rows(events))


def test_batches_cut_to_their_longest_event_give_the_same_rows(spec, events):
    layout = TableLayout(spec, with_met=True, with_physics=True)
    short = events.mask.sum(1) <= 5
    few = some(events, short)
    slots = {name: getattr(few, name)[:, :5] for name in ("tokens_cont", "tokens_id", "mask")}
    np.testing.assert_array_equal(
        layout.rows(changed(few, **slots)), layout.rows(events)[short.numpy()]
    )


def test_physics_columns_know_no_direction_around_the_beam(spec, events):
    """Rotated about the beam they stay, MET turned along."""
    layout = TableLayout(spec, with_met=True, with_physics=True)
    turned = changed(events, tokens_cont=events.tokens_cont.clone(), globals=events.globals.clone())
    turned.tokens_cont[..., 3] = torch.remainder(turned.tokens_cont[..., 3] + 4, 2 * math.pi)
    turned.globals[:, 1] += 1.0
    turned.tokens_cont[..., 3] -= 3.0
    first = layout.columns.index("n_jet")
    np.testing.assert_allclose(
        layout.rows(turned)[:, first:], layout.rows(events)[:, first:], rtol=1e-3, atol=1e-2
    )


def test_features_that_are_left_out_leave_their_columns_out(events):
    spec = DataSpec(9, (1, 2, 3), ("ttH", "4t"))
    no_energy = changed(events, tokens_cont=events.tokens_cont[..., 1:])
    layout = TableLayout(spec, with_met=False, with_physics=False)
    assert layout.columns[:4] == ("pt_1", "eta_1", "phi_1", "id_1")
    assert layout.rows(no_energy).shape == (len(events.mask), 9 * 4)
    with pytest.raises(ValueError, match=r"physics.*leaves out E"):
        TableLayout(spec, with_met=False, with_physics=True)


def test_binned_events_are_a_column_of_tokens_a_slot(events):
    layout = TableLayout(DataSpec(9, (), ("ttH", "4t"), vocab_size=886), False, False)
    binned = changed(events, tokens_cont=events.tokens_cont[..., :0])
    assert layout.columns == tuple(f"token_{slot + 1}" for slot in range(9))
    expected = events.tokens_id.float().masked_fill(~events.mask, NAN)
    np.testing.assert_array_equal(layout.rows(binned), expected)


def test_met_needs_met():
    with pytest.raises(ValueError, match=r"include_met.*no MET"):
        BoostedTrees(bdt_spec(), DataSpec(9, (0, 1, 2, 3), ("ttH", "4t"), has_globals=False))


@pytest.mark.parametrize("class_names", [("ttH", "4t"), ("ttH", "ttW", "4t")])
@pytest.mark.parametrize("features", ["raw", "physics"])
def test_checkpoint_gives_the_same_scores(features, class_names, events, tmp_path):
    model = BoostedTrees(bdt_spec(features=features), DataSpec(9, (0, 1, 2, 3), class_names))
    label = np.arange(len(events.mask)) % len(class_names)
    matrix = xgboost.DMatrix(model.layout.rows(events), label=label)
    parameters: dict[str, Any] = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1}
    if len(class_names) > 2:
        parameters |= {"objective": "multi:softprob", "num_class": len(class_names)}
    model.booster = xgboost.train(parameters, matrix, num_boost_round=4)
    probabilities = model.booster.predict(matrix)
    torch.save(model_payload(model), tmp_path / "best_val.pt")
    loaded = load_model(tmp_path / "best_val.pt")
    logits = model.event_scores(events)["logits"]
    torch.testing.assert_close(loaded.event_scores(events)["logits"], logits, rtol=0, atol=0)
    found = logits.softmax(1).numpy()
    np.testing.assert_allclose(
        found if len(class_names) > 2 else found[:, 1], probabilities, rtol=1e-5
    )


def test_without_trees_all_classes_are_alike(spec, events, tmp_path):
    model = BoostedTrees(bdt_spec(), spec)
    torch.save(model_payload(model), tmp_path / "empty.pt")
    logits = load_model(tmp_path / "empty.pt").event_scores(events)["logits"]
    torch.testing.assert_close(logits, torch.zeros(len(events.mask), spec.n_classes))
