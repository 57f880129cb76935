"""The vocabulary: what codes of others mean here, and that none is forgotten or told twice."""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from directory.errors import UsageError
from directory.vocabulary import Term, normalise, parse, vocabulary

# The service codes of the federal locator in 2021.
FEDERAL_2021 = """
acc acm acma acu ad add adlt adm adtx ah ang aoss atr audo auinpe aupc aurpe baba bc bdtx beri bia
bmo bmw bsdm bu bum bwn bwon carf cbt ccc cdtx chld cj clnd cm cmha cmi co coa copsu crv csaa ct
daof daut db dbt ddf dm dp dsf dt du duo dv dvfp eih emp f17 f19 f25 f28 f30 f31 f35 f36 f37 f4 f42
f43 f47 f66 f67 f70 f81 f92 fco fem fpsy fqhc fsa gco gh gl haec hav hbv heoh hfap hh hi hid hit
hivt hla hs hv ico ih inpe isc itu jc lccg lfxd male mc mco md mdet mdtx meth mf mhcv mhiv mhs mi mm
mmw mn mo moa moti mpd mst mu mxm n13 n18 n23 n24 n40 naut ncqa nmaut nmoa noe noop np nrt nsc nu
nxn od odt odtx ofd oit omb op opc ort otp otpa pa pain pc peer pi piec pmat psyh pvtn pvtp pw rc rd
rebt relp res rl rpe rpn rs sa saca sae se sf shb shc shg si smhd smon smop smpd snr sp ss ssa ssd
stag stdh stdt stg stmh stu sumh ta taec tay tbg tbs tcc tele tgd tid trc trma twfa ub ubn ulc un
vamc vet vo voc vtrl wn xa yad
""".split()

# Every type of the Meeting Guide specification (A.A.).
MEETING_GUIDE = """
11 12x12 A ABSI AF AL AL-AN AM AR ASL B BA BE BG BI BRK C CAN CF D DA DB DD DE DR EL EN FA FF FI FR
G GR H HE HI HR HU IS ITA JA KA KOR L LGBTQ LIT LS LT M MED ML MT N NB NDG NE NL NO O ONL OUT P POA
POC POL POR PUN RUS S SEN SK SL SM SP ST SV T TC TH TL TR TUR UK W X XB XT Y
""".split()

BMLT_WORLDS = """
OPEN CLOSED WCHR BEG BT CAN CPT CW DISC GL IP IW JFT LC LIT M MED NS QA RA SMOK SPK STEP SWG TOP
TRAD VAR W Y
""".split()

CONTRACT = {
    "service:aftercare": "acc",
    "service:relapse-prevention": "relp",
    "service:detox": "dt",
    "service:residential": "res",
    "service:outpatient": "op",
    "service:intensive-outpatient": "oit",
    "service:intervention": "piec",
    "service:family-counseling": "fco",
    "service:individual-counseling": "ico",
    "service:group-counseling": "gco",
    "service:peer-support": "peer",
    "service:case-management": "cm",
    "service:sober-living": "hh",
    "service:telehealth": "tele",
    "service:naloxone": "noe",
    "service:methadone": "mu mm meth",
    "service:buprenorphine": "bu bum bwn bwon",
    "service:naltrexone": "nu nxn vtrl",
    "service:co-occurring": "co sumh",
    "service:trauma": "trc trma",
    "service:cbt": "cbt",
    "service:gambling": "tgd",
    "pay:medicaid": "md",
    "pay:medicare": "mc",
    "pay:private-insurance": "pi",
    "pay:self-pay": "sf",
    "pay:sliding-scale": "ss",
    "pay:free": "np",
    "pay:military": "mi",
    "who:women": "wn",
    "who:men": "mn",
    "who:teens": "ad",
    "who:seniors": "se",
    "who:veterans": "vet",
    "who:lgbtq": "gl",
    "who:pregnant": "pw",
    "who:court": "cj",
    "language:es": "sp",
    "language:sign": "ah",
    "access:childcare": "ccc",
    "access:transport": "ta",
}
CONTRACT_WITHOUT_CODES = """
who:families access:wheelchair fellowship:aa fellowship:na fellowship:al-anon fellowship:nar-anon
fellowship:smart meeting:open meeting:closed meeting:newcomers meeting:step meeting:speaker
""".split()

FACET = '[facets.a]\nlabel = "A"\nmatch = "all"\n'
TERM = '[terms."a:b"]\nlabel = "B"\nabout = "B is good."\n'


def facets_of(codes: tuple[str, ...]) -> list[str]:
    return [vocabulary().terms[code].facet for code in codes]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(("term", "codes"), CONTRACT.items())
def test_contract_terms_carry_exactly_their_federal_codes(term: str, codes: str) -> None:
    assert term in vocabulary().terms
    assert {c for c in FEDERAL_2021 if term in vocabulary().federal(c)} == set(codes.split())


@pytest.mark.parametrize("term", CONTRACT_WITHOUT_CODES)
def test_contract_terms_without_codes_exist(term: str) -> None:
    assert term in vocabulary().terms


@pytest.mark.parametrize(
    ("code", "has", "not_has"),
    [
        ("mc", "pay:medicare", "pay:medicaid"),
        ("md", "pay:medicaid", "pay:medicare"),
        ("sf", "pay:self-pay", "pay:sliding-scale"),
        ("ss", "pay:sliding-scale", "pay:self-pay"),
        ("tgd", "service:gambling", "who:lgbtq"),
        ("HH", "service:sober-living", "service:hospital"),
        ("ped", "service:eating-disorders", "who:teens"),
        ("rpn", "substance:opioids", "service:relapse-prevention"),
        ("relp", "service:relapse-prevention", "service:naltrexone"),
        ("meth", "service:methadone", "substance:methamphetamine"),
        ("mdtx", "substance:methamphetamine", "service:methadone"),
        ("sp", "language:es", "meeting:speaker"),
        ("mi", "pay:military", "who:military"),
        ("mu", "service:methadone", "service:buprenorphine"),
        ("bu", "service:buprenorphine", "service:methadone"),
        ("nu", "service:naltrexone", "service:naloxone"),
        ("noe", "service:naloxone", "service:naltrexone"),
        ("pi_field", "pay:private-insurance", "pay:military"),
        ("PI", "pay:private-insurance", "pay:military"),
        ("add_field", "service:behavioral-addiction", "who:teens"),
        ("db_field", "service:withdrawal-medication", "service:buprenorphine"),
        (" Acc ", "service:aftercare", "service:discharge-planning"),
    ],
)
def test_federal_codes_that_others_got_wrong(code: str, has: str, not_has: str) -> None:
    found = vocabulary().federal(code)
    assert has in found
    assert not_has not in found


@pytest.mark.parametrize(
    ("label", "terms"),
    [
        ("Aftercare/continuing care", ("service:aftercare",)),
        ("AFTERCARE / Continuing  care", ("service:aftercare",)),
        ("Relapse prevention", ("service:relapse-prevention",)),
        ("Relapse prevention with naltrexone", ("substance:opioids",)),
        ("Acamprosate (Campral)", ("service:alcohol-medication",)),
        ("Residential/24-hour residential", ("service:residential",)),
        ("Young Adults", ("who:young-adults",)),
        ("Clients who have experienced trauma", ("service:trauma",)),
        ("Domestic violence services-family or partner", ("service:domestic-violence",)),
        ("Male", ()),
        ("Vaping not permitted", ()),
        ("No formal relationship with prescribing entity", ()),
    ],
)
def test_federal_wordings(label: str, terms: tuple[str, ...]) -> None:
    assert vocabulary().federal_label(label) == terms


@pytest.mark.parametrize(
    ("fellowship", "code", "terms"),
    [
        ("aa", "SP", ("meeting:speaker",)),
        ("aa", "S", ("language:es",)),
        ("aca", "S", ("meeting:speaker",)),
        ("al-anon", "S", ("language:es",)),
        ("aa", "O", ("meeting:open",)),
        ("al-anon", "O", ("who:families", "meeting:open")),
        ("aa", "POA", ("meeting:proof-of-attendance",)),
        ("al-anon", "POA", ("who:families",)),
        ("aa", "Y", ("who:young-adults",)),
        ("al-anon", "Y", ("who:teens", "fellowship:alateen")),
        ("aca", "Y", ("meeting:literature",)),
        ("aa", "T", ("who:lgbtq",)),
        ("aca", "T", ("meeting:literature",)),
        ("aa", "A", ("meeting:secular",)),
        ("aca", "A", ()),
        ("aa", "AR", ("language:ar",)),
        ("da", "AR", ()),
        ("aa", "12x12", ("meeting:step",)),
        ("aa", "x", ("access:wheelchair",)),
        ("smart", "ONL", ()),
    ],
)
def test_meeting_types_by_fellowship(fellowship: str, code: str, terms: tuple[str, ...]) -> None:
    assert vocabulary().meeting_guide(fellowship, code) == terms


@pytest.mark.parametrize(
    ("key", "world", "terms"),
    [
        ("O", "OPEN", ("meeting:open",)),
        ("Zu", "CLOSED", ("meeting:closed",)),
        ("ES", "LANG", ("language:es",)),
        ("PER", "LANG", ("language:fa",)),
        ("SL", "", ("language:sign",)),
        ("To", "", ("meeting:discussion",)),
        ("Ti", "", ()),
        ("Tr", "", ("meeting:traditions",)),
        ("RF", "VAR", ()),
    ],
)
def test_na_formats(key: str, world: str, terms: tuple[str, ...]) -> None:
    assert vocabulary().bmlt(key, world) == terms


@pytest.mark.parametrize(
    ("name", "term"),
    [
        ("Sober Living", "service:sober-living"),
        ("detox", "service:detox"),
        ("Transportation", "access:transport"),
        ("Suboxone", "service:buprenorphine"),
        ("Alcoholics  Anonymous", "fellowship:aa"),
    ],
)
def test_names_of_human_services(name: str, term: str) -> None:
    assert term in vocabulary().hsds(name)


def test_unknown_codes_are_said_to_be_unknown() -> None:
    known = vocabulary()
    with pytest.raises(KeyError):
        known.federal("zzz")
    with pytest.raises(KeyError):
        known.federal_label("Pony rides")
    with pytest.raises(KeyError):
        known.meeting_guide("aa", "ZZZ")
    with pytest.raises(KeyError):
        known.bmlt("zzz", "LANG")
    assert known.hsds("Pony rides") == ()


@pytest.mark.parametrize("code", FEDERAL_2021)
def test_every_federal_code_is_known_once_in_a_facet(code: str) -> None:
    facets = facets_of(vocabulary().federal(code))
    assert len(facets) == len(set(facets))


@pytest.mark.parametrize("code", MEETING_GUIDE)
def test_every_meeting_guide_type_is_known_once_in_a_facet(code: str) -> None:
    facets = facets_of(vocabulary().meeting_guide("aa", code))
    assert len(facets) == len(set(facets))


@pytest.mark.parametrize("world", BMLT_WORLDS)
def test_common_world_ids_are_known(world: str) -> None:
    vocabulary().bmlt(world_id=world)


@pytest.mark.parametrize("name", ["samhsa_sitecodes_2021", "service_codes"])
def test_codes_and_wordings_of_the_real_lists_agree(shared_data: Path, name: str) -> None:
    coded = 0
    for row in rows(shared_data / "treatment" / f"{name}.csv"):
        code, label = row["service_code"].strip(), row["service_name"].strip()
        by_label = vocabulary().federal_label(label) if label else None
        if code:
            coded += 1
            assert by_label is None or by_label == vocabulary().federal(code), code
    assert coded > 220


def federal_wordings(folder: Path) -> Iterator[str]:
    listings = json.loads((folder / "samhsa_ca_residential_478_fullservices.json").read_text())
    for listing in listings:
        yield from listing["all_services"].split(";")
    script = (folder / "findtreatment_listing_sample_2019.js").read_text(encoding="utf-8")
    for values in re.findall(r'f3:\s*"([^"]*)"', script):
        yield from values.split(";")


def test_every_wording_of_the_real_listings_is_known(shared_data: Path) -> None:
    wordings = {" ".join(text.split()) for text in federal_wordings(shared_data / "treatment")}
    assert len(wordings) > 250
    for wording in wordings:
        vocabulary().federal_label(wording)


@pytest.mark.parametrize(
    ("feed", "fellowship"),
    [
        ("mg-sepia-pa", "aa"),
        ("tsml-orange-county-ca", "aa"),
        ("mg-edmonton-ab", "aa"),
        ("tsml-alanon-ma", "al-anon"),
    ],
)
def test_every_type_of_the_real_meetings_is_known(
    shared_data: Path, feed: str, fellowship: str
) -> None:
    meetings = json.loads((shared_data / "meetings" / f"{feed}.json").read_text(encoding="utf-8"))
    codes = {code for meeting in meetings for code in meeting.get("types") or [] if code}
    assert codes
    for code in codes:
        vocabulary().meeting_guide(fellowship, code)


def test_every_format_of_the_real_root_server_is_known(shared_data: Path) -> None:
    formats = json.loads((shared_data / "meetings" / "bmlt-GetFormats-en.json").read_text("utf-8"))
    assert formats
    for each in formats:
        by_key = vocabulary().bmlt(each["key_string"])
        assert vocabulary().bmlt(each["key_string"], each["world_id"] or "") == by_key


def phrases() -> dict[str, set[str]]:
    """Normalised labels and synonyms, and the terms each belongs to."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for term in vocabulary().terms.values():
        for text in (term.label, *term.synonyms):
            found[normalise(text)].add(term.code)
    return found


def test_a_phrase_means_one_term() -> None:
    assert {text: codes for text, codes in phrases().items() if len(codes) > 1} == {}


def test_no_phrase_is_a_state() -> None:
    states = (
        "al ak az ar ca co ct de fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh"
    )
    more = "nj nm ny nc nd oh ok or pa ri sc sd tn tx ut vt va wa wv wi wy dc"
    assert not {*states.split(), *more.split()} & phrases().keys()


@pytest.mark.parametrize("term", vocabulary().terms.values(), ids=lambda term: term.code)
def test_terms_read_plainly(term: Term) -> None:
    assert re.fullmatch(r"[a-z]+:[a-z0-9-]+", term.code)
    assert len(term.label.split()) <= 5
    assert len(term.about.split()) <= 20
    assert term.about.endswith(".")
    assert not re.search(r"addict\b|abuser|clean\b|junkie|alcoholic\b", term.about, re.I)
    assert all(normalise(text) for text in term.synonyms)


def test_facets_are_in_order_and_say_how_they_combine() -> None:
    facets = vocabulary().facets
    order = "service pay who substance language access fellowship meeting".split()
    assert list(facets) == order
    match_all = {code for code, facet in facets.items() if facet.match_all}
    assert match_all == {"service", "access", "meeting"}
    listed = {term.code for facet in facets.values() for term in facet.terms}
    assert listed == vocabulary().terms.keys()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "not readable TOML"),
        (FACET + TERM.replace("a:b", "z:b"), "Term z:b"),
        (FACET + TERM.replace("a:b", "A b"), "'A b'"),
        (FACET + TERM.replace('label = "B"\n', ""), "a:b has no label"),
        (FACET + TERM.replace("B is good.", " "), "a:b has no about"),
        (FACET + TERM + 'colour = "red"\n', "a:b: 'colour'"),
        (FACET + TERM + 'federal = "acc"\n', "a:b: federal must be a list"),
        (FACET.replace("all", "some") + TERM, "Facet a"),
        (FACET + TERM + 'federal = ["x"]\n', "'x'"),
        (FACET + TERM + '[federal]\nx = ["X"]\n', "'x'"),
        (
            FACET + TERM + 'federal = ["x"]\n' + TERM.replace("a:b", "a:c") + 'federal = ["x"]\n',
            "given to a:b and again to a:c",
        ),
        (
            FACET + TERM + 'bmlt = ["x"]\n[[not_shown]]\nwhy = "so"\nbmlt = ["x"]\n',
            "given to a:b and also listed as not shown",
        ),
        (FACET + TERM + '[[not_shown]]\nbmlt = ["x"]\n', "has no why"),
    ],
)
def test_a_malformed_vocabulary_names_the_fault(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        parse(text.encode())
