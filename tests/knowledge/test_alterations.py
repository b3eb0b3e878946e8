"""The grammar of alterations, its patterns and its contradictions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg_builder.knowledge.alterations import AMINO_ACIDS, Alteration, AlterationReader, Gene
from kg_builder.knowledge.faults import Fault
from kg_builder.knowledge.names import NameIndex
from kg_builder.knowledge.patterns import (
    Pattern,
    Patterns,
    find_contradictions,
    generalise,
    generalise_pattern,
    implied_pattern,
    read_residues,
    write_residues,
)

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQ"
GENES = [
    Gene("gene:RT", "RT", 560),
    Gene("gene:SEQ", "SEQ", len(SEQUENCE), SEQUENCE),
    Gene("gene:23S-rRNA", "23S rRNA", molecule="rna"),
    Gene("gene:inhA-promoter", "inhA promoter", molecule="dna"),
    Gene("gene:Rv0678", "Rv0678"),
    Gene("gene:FLT3", "FLT3"),
    Gene("gene:EGFR", "EGFR"),
]
INDEX = NameIndex.from_terms(
    [*((g.id, g.label, ("reverse transcriptase",) if g.label == "RT" else ()) for g in GENES),
     ("alteration:flt3-itd", "FLT3-ITD", ("FLT3 internal tandem duplication",)),
     ("alteration:hla", "HLA-B*57:01 positive", ())]
)  # fmt: skip
READER = AlterationReader(INDEX, GENES)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("RT:M184V", ["RT-M184V"]),
        (" reverse Transcriptase : M184V", ["RT-M184V"]),
        ("gene:RT M184V", ["RT-M184V"]),
        ("RT M184V", ["RT-M184V"]),
        ("RT-M184V", ["RT-M184V"]),
        ("RT:M184MV", ["RT-M184V"]),
        ("RT:M184VM", ["RT-M184V"]),
        ("RT:M184I/V", ["RT-M184I", "RT-M184V"]),
        ("RT:M184IV*", ["RT-M184I", "RT-M184V", "RT-M184stop"]),
        ("RT:M184M", ["RT-M184M"]),
        ("RT:T69ins", ["RT-T69ins"]),
        ("RT:T69i", ["RT-T69ins"]),
        ("RT:T69I", ["RT-T69I"]),
        ("RT:T69S_SS", ["RT-T69ins"]),
        ("RT:T69_SS", ["RT-T69ins"]),
        ("RT:D67del", ["RT-D67del"]),
        ("RT:D67d", ["RT-D67del"]),
        ("RT:D67-", ["RT-D67del"]),
        ("RT:D67–", ["RT-D67del"]),
        ("RT:D67N/d", ["RT-D67N", "RT-D67del"]),
        ("RT:Q151*", ["RT-Q151stop"]),
        ("RT:p.Gln151Ter", ["RT-Q151stop"]),
        ("FLT3:p.Asp835His", ["FLT3-D835H"]),
        ("FLT3:p.(Asp835His)", ["FLT3-D835H"]),
        ("Rv0678:p.Ile67fs", ["Rv0678-I67fs"]),
        ("SEQ:2R", ["SEQ-K2R"]),
        ("23S rRNA:A2143G", ["23S-rRNA-A2143G"]),
        ("23S rRNA:n.2143A>G", ["23S-rRNA-A2143G"]),
        ("23S rRNA:A2143R", ["23S-rRNA-A2143G"]),
        ("inhA promoter:c.-15C>T", ["inhA-promoter-c.-15C-T"]),
        ("Rv0678:c.138_139insG", ["Rv0678-c.138_139insG"]),
        ("Rv0678:frameshift", ["Rv0678-frameshift"]),
        ("Rv0678:LoF", ["Rv0678-loss-of-function"]),
        ("FLT3 wild type", ["FLT3-wild-type"]),
        ("FLT3:wild-type", ["FLT3-wild-type"]),
        ("FLT3:germline pathogenic variant", ["FLT3-germline-pathogenic-variant"]),
        ("EGFR:p.Glu746_Ala750del", ["EGFR-E746_A750del"]),
        ("FLT3 internal tandem DUPLICATION", ["flt3-itd"]),
        ("HLA-B*57:01 positive", ["hla"]),
    ],
)
def test_notation_is_read(text: str, ids: list[str]) -> None:
    assert [a.id for a in READER.read(text)] == [f"alteration:{i}" for i in ids]


@pytest.mark.parametrize(
    ("text", "code", "at", "word"),
    [
        ("RT:M184", "A003", 6, "M184V"),
        ("RT:M184X", "A007", 7, "unknown residue"),
        ("RT:M184B", "A007", 7, "D/N"),
        ("RT:M184O", "A007", 7, "no amino acid"),
        ("RT:J184V", "A007", 3, "I/L"),
        ("RT:M184v", "A007", 7, "write V"),
        ("RT:M561V", "A004", 4, "560"),
        ("RT:M0V", "A004", 4, "560"),
        ("RT:184V", "A006", 3, "before the position"),
        ("SEQ:M2V", "A005", 4, "has K"),
        ("SEQ:Y746_A750del", "A004", 5, "22"),
        ("SEQ:Y1_A4del", "A005", 4, "has M"),
        ("23S rRNA:A2143L", "A007", 14, "bases"),
        ("inhA promoter:c.-15C>C", "A002", 21, "itself"),
        ("RTT:M184V", "A001", 0, "RT"),
        ("RT:something", "A002", 3, "M184V"),
        ("FLT3-ITT", "T007", -1, "FLT3-ITD"),
        ("alteration:RT-M999V", "A004", -1, "560"),
        ("alteration:nothing", "T007", -1, "unknown"),
    ],
)
def test_fault_points_at_the_character(text: str, code: str, at: int, word: str) -> None:
    with pytest.raises(Fault) as caught:
        READER.read(text)
    assert caught.value.code == code
    if at >= 0:
        assert caught.value.at == at
    assert word in str(caught.value.issue("f"))


LETTERS = sorted(AMINO_ACIDS)


@given(
    position=st.integers(1, 560),
    reference=st.sampled_from(LETTERS),
    residues=st.lists(st.sampled_from([*LETTERS, "i", "d", "*"]), min_size=1, max_size=4, unique=True),
    separator=st.sampled_from(["", "/"]),
)
def test_mixture_states_each_residue_but_the_reference(
    position: int, reference: str, residues: list[str], separator: str
) -> None:
    found = READER.read(f"RT:{reference}{position}{separator.join(residues)}")
    words = {"i": "ins", "d": "del", "*": "stop"}
    expected = [words.get(r, r) for r in residues if r != reference] or [reference]
    assert [a.residue for a in found] == expected
    for alteration in found:
        assert alteration.position == position
        # label and id are both ways of writing it
        assert READER.read(alteration.label) == (alteration,)
        assert READER.read(alteration.id) == (alteration,)


@given(st.text(max_size=20))
def test_any_text_is_read_or_told(text: str) -> None:
    for candidate in (text, f"RT:{text}", f"23S rRNA:{text}", f"alteration:RT-{text}"):
        try:
            assert READER.read(candidate)
        except Fault as fault:
            assert fault.code and fault.message
            assert fault.at <= len(candidate)


def one(text: str) -> Alteration:
    (alteration,) = READER.read(text)
    return alteration


PATTERNS = Patterns(
    [
        Pattern("a:any", "gene:FLT3", "any"),
        Pattern("a:835", "gene:FLT3", "position", 835),
        Pattern("a:835HV", "gene:FLT3", "position", 835, read_residues("HVi")),
        Pattern("a:lof", "gene:FLT3", "loss-of-function"),
        Pattern("a:fs", "gene:FLT3", "frameshift"),
        Pattern("a:path", "gene:FLT3", "pathogenic"),
        Pattern("a:other", "gene:RT", "any"),
        Pattern("a:promoter", "gene:inhA-promoter", "any"),
    ]
)


@pytest.mark.parametrize(
    ("text", "broader"),
    [
        ("FLT3:D835H", ["a:835", "a:835HV", "a:any"]),
        ("FLT3:D835Y", ["a:835", "a:any"]),
        ("FLT3:D835ins", ["a:835", "a:835HV", "a:any"]),
        ("FLT3:F691L", ["a:any"]),
        ("FLT3:Q10*", ["a:any", "a:lof"]),
        ("FLT3:Q10fs", ["a:any", "a:fs", "a:lof"]),
        ("FLT3:c.10_11insG", ["a:any", "a:fs", "a:lof"]),
        ("FLT3:c.10_12del", ["a:any"]),
        ("FLT3:c.30A>G", []),
        ("FLT3:deletion", ["a:any", "a:lof"]),
        ("FLT3:germline pathogenic variant", ["a:any", "a:path"]),
        ("FLT3:D835D", []),
        ("FLT3 wild type", []),
        ("inhA promoter:c.-15C>T", ["a:promoter"]),
        ("EGFR:T790M", []),
    ],
)
def test_alteration_is_a_kind_of_the_patterns_it_falls_under(text: str, broader: list[str]) -> None:
    assert list(generalise(one(text), PATTERNS)) == broader


def test_patterns_hang_together() -> None:
    narrow = PATTERNS.of("gene:FLT3")[2]
    assert generalise_pattern(narrow, PATTERNS) == ("a:835", "a:any")
    assert generalise_pattern(PATTERNS.of("gene:FLT3")[4], PATTERNS) == ("a:any", "a:lof")
    assert implied_pattern(one("RT:mutation")) == Pattern("alteration:RT-mutation", "gene:RT", "any")
    assert implied_pattern(one("RT:M184V")) is None
    assert implied_pattern(one("RT:germline pathogenic variant")) is None
    assert implied_pattern(one("Rv0678:p.Ile67fs")) is None


@given(st.frozensets(st.sampled_from([*LETTERS, "ins", "del", "stop"])))
def test_residues_of_a_pattern_are_written_as_read(residues: frozenset[str]) -> None:
    assert read_residues(write_residues(residues)) == residues


def test_wild_type_and_mutated_contradict() -> None:
    stated = {"a:835Y": ["a:835", "a:any"], "a:wt": [], "a:itd": []}
    assert find_contradictions(stated, {"a:wt": ["a:any"]}) == [("a:wt", "a:835Y")]
    assert find_contradictions({"a:itd": [], "a:835Y": []}, {"a:wt": ["a:itd"]}) == []
