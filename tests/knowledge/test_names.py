"""Names are found whatever their writing, and what is not found is met with the nearest."""

from __future__ import annotations

import pytest

from kg_builder.knowledge.faults import Fault
from kg_builder.knowledge.names import NameIndex

INDEX = NameIndex.from_terms(
    [
        ("drug:dolutegravir", "dolutegravir", ("DTG", "GSK1349572")),
        ("drug:tenofovir-disoproxil", "tenofovir disoproxil", ("TDF",)),
        ("drug:tenofovir-alafenamide", "tenofovir alafenamide", ("TAF",)),
        ("drug:darunavir-ritonavir", "darunavir/ritonavir", ()),
        ("class:insti", "INSTI", ("integrase inhibitor",)),
        ("class:tenofovirs", "tenofovir", ("both",)),
        ("comorbidity:chronic-hepatitis-b", "chronic hepatitis B", ("both",)),
        ("comorbidity:one", "twice", ()),
        ("comorbidity:two", "other", ("Twice",)),
    ]
)
DRUGS = ("drug", "class")


@pytest.mark.parametrize(
    ("text", "kinds", "curie"),
    [
        ("Dolutegravir", DRUGS, "drug:dolutegravir"),
        (" dtg ", DRUGS, "drug:dolutegravir"),
        ("tenofovir  disoproxil", DRUGS, "drug:tenofovir-disoproxil"),
        ("drug:dolutegravir", DRUGS, "drug:dolutegravir"),
        ("DRUG:Dolutegravir", DRUGS, "drug:dolutegravir"),
        ("https://w3id.org/salvage-kg/drug/dolutegravir", DRUGS, "drug:dolutegravir"),
        ("tenofovir-alafenamide", DRUGS, "drug:tenofovir-alafenamide"),
        ("chronic\u00a0hepatitis b", ("comorbidity",), "comorbidity:chronic-hepatitis-b"),
        ("both", ("class",), "class:tenofovirs"),
    ],
)
def test_name_is_found(text: str, kinds: tuple[str, ...], curie: str) -> None:
    assert INDEX.resolve(text, kinds) == curie


@pytest.mark.parametrize(
    ("text", "kinds", "code", "said"),
    [
        ("dolutegravirr", DRUGS, "T007", "unknown name 'dolutegravirr'; nearest: dolutegravir [T007]"),
        ("drug:dolutegravr", DRUGS, "T007", "nearest: dolutegravir"),
        ("disoproxil tenofovir", DRUGS, "T007", "nearest: tenofovir disoproxil"),
        ("xyz", DRUGS, "T007", "another drug or drug class"),
        ("xyz", ("organism",), "T007", "no organism is declared"),
        ("twice", ("comorbidity",), "T008", "comorbidity:one or comorbidity:two"),
        ("both", ("class", "comorbidity"), "T008", "class:tenofovirs"),
        ("INSTI", ("drug", "comorbidity"), "T022", "class:insti (drug class); a drug or comorbidity is asked for"),
        ("class:insti", ("drug",), "T022", "class:insti (drug class)"),
    ],
)
def test_name_is_not_found(text: str, kinds: tuple[str, ...], code: str, said: str) -> None:
    with pytest.raises(Fault) as caught:
        INDEX.resolve(text, kinds)
    assert caught.value.code == code
    assert said in str(caught.value.issue("f.tsv", 2, "agent"))


def test_nearest_names_are_one_a_term_and_best_first() -> None:
    assert INDEX.nearest("tenofovir alafenamid", DRUGS)[0] == "tenofovir alafenamide"
    assert len(INDEX.nearest("tenofovir", DRUGS)) == 3
    assert INDEX.nearest("tenofovir", ("organism",)) == []


def test_label_of_an_unknown_term() -> None:
    assert INDEX.label("class:insti") == "INSTI"
    with pytest.raises(KeyError):
        INDEX.label("class:none")
