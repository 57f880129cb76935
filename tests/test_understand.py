"""What is understood of questions as people type them."""

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from directory.criteria import Search
from directory.errors import UsageError
from directory.phrases import Question
from directory.places import find_place, load_places, place_at
from directory.search import answer
from directory.understand import literal, respell, understand
from directory.vocabulary import vocabulary
from directory.web import wording
from tests.conftest import NOW, Loader


@pytest.fixture(scope="module")
def connection(gazetteer: Engine) -> Any:
    with gazetteer.connect() as found:
        yield found


def said(question: Question) -> set[str]:
    """Everything understood as codes; what is not wanted begins with "!"."""
    found = set()
    for part in question.parts:
        found |= {f"!{code}" if part.negated else code for code in part.codes}
    return found


# typed, codes that are meant (no others), place, words that remain
NO_MONEY = ("pay:free", "pay:sliding-scale", "pay:assistance", "pay:public-funds")
ASKED: list[tuple[str, set[str], str | None, str]] = [
    ("detox", {"service:detox"}, None, ""),
    ("detox philadelphia", {"service:detox"}, "Philadelphia, PA", ""),
    ("Detox in Denver, CO", {"service:detox"}, "Denver, CO", ""),
    ("denver detox", {"service:detox"}, "Denver, CO", ""),
    (
        "suboxone clinic near boulder that takes medicaid tonight",
        {"service:buprenorphine", "pay:medicaid", "day:today", "time:evening"},
        "Boulder, CO",
        "",
    ),
    ("vivitrol shot 19104", {"service:naltrexone"}, "Philadelphia, PA 19104", ""),
    ("where can i get narcan", {"service:naloxone"}, None, ""),
    (
        "aa meetings saturday morning in irvine",
        {"fellowship:aa", "kind:support_group", "day:saturday", "time:morning"},
        "Irvine, CA",
        "",
    ),
    ("moved to Costa Mesa from Ohio, AA", {"fellowship:aa"}, "Costa Mesa, CA", "Ohio"),
    ("detox LA", {"service:detox"}, "Los Angeles, CA", ""),
    ("detox in Everett or Chelsea MA", {"service:detox"}, "Everett, MA", ""),
    (
        "detox in Kansas City, MO or Overland Park, KS",
        {"service:detox"},
        "Kansas City, MO",
        "Overland Park KS",
    ),
    ("a bed for my son", {"kind:treatment"}, None, ""),
    ("detox wilmington de", {"service:detox"}, "Wilmington, DE", ""),
    ("detox portland me", {"service:detox"}, "Portland, ME", ""),
    ("detox Capitol Hill Seattle", {"service:detox"}, "Seattle, WA", ""),
    ("help near me", {"kind:treatment"}, None, ""),
    ("detox in Portland and help me", {"service:detox"}, "Portland, OR", ""),
    ("only twelve step meetings", {"service:twelve-step", "kind:support_group"}, None, ""),
    ("im fifteen days sober in Denver", set(), "Denver, CO", "fifteen"),
    ("hes sixteen, smoking meth", {"who:teens", "substance:methamphetamine"}, None, ""),
    ("detox in Upper Darby PA", {"service:detox"}, "Upper Darby, PA", ""),
    ("court said drug classes", {"kind:treatment"}, None, "court"),
    ("please help ME detox", {"service:detox"}, None, ""),
    (
        "detox bed in South Jersey or Philadelphia ok",
        {"service:detox"},
        "Camden County, NJ",
        "Philadelphia",
    ),
    ("tower 11 huntington beach", set(), "Huntington Beach, CA", "tower 11"),
    ("son 3 weeks sober, detox", {"service:detox"}, None, ""),
    ("halfwayhouse", {"service:sober-living"}, None, ""),
    ("we live in the bronx, detox", {"service:detox"}, "The Bronx, NY", ""),
    ("hes a marine with his gun out", {"kind:hotline", "service:crisis", "who:veterans"}, None, ""),
    (
        "something for wives",
        {
            "who:families",
            "fellowship:nar-anon",
            "fellowship:al-anon",
            "fellowship:families-anonymous",
        },
        None,
        "",
    ),
    ("theres a gun in the house", {"kind:hotline", "service:crisis"}, None, ""),
    ("she took a bunch of pills", {"kind:hotline", "service:poison"}, None, ""),
    ("AA, i dont do god", {"fellowship:aa", "meeting:secular"}, None, ""),
    ("AA meeting tomorrow", {"fellowship:aa", "kind:support_group", "day:tomorrow"}, None, ""),
    (
        "NA in albany ny but not a step meeting please",
        {"fellowship:na", "!meeting:step"},
        "Albany, NY",
        "",
    ),
    (
        "probation officer says i need a program by friday, philadelphia",
        {"who:court"},
        "Philadelphia, PA",
        "",
    ),
    (
        "husband drunk again and he hit me",
        {"kind:hotline", "substance:alcohol", "service:domestic-violence"},
        None,
        "",
    ),
    (
        "rehab for my dad hes 71, riverside ca",
        {"kind:treatment", "who:seniors"},
        "Riverside, CA",
        "",
    ),
    (
        "phone number to find an alanon meeting",
        {"kind:hotline", "fellowship:al-anon"},
        None,
        "",
    ),
    ("about to use alone", {"kind:hotline", "service:safe-use-line"}, None, ""),
    ("toddler ate my suboxone", {"kind:hotline", "service:poison"}, None, ""),
    (
        "6am aa meeting",
        {"time:morning", "start:6", "fellowship:aa", "kind:support_group"},
        None,
        "",
    ),
    ("detox at 7:30 p.m.", {"time:evening", "start:19", "service:detox"}, None, ""),
    ("aa sat am", {"fellowship:aa", "day:saturday", "time:morning"}, None, ""),
    (
        "na mtg at midnight",
        {"fellowship:na", "kind:support_group", "time:night", "start:0"},
        None,
        "",
    ),
    ("detox not a hospital", {"service:detox", "!service:hospital"}, None, ""),
    ("10 yrs on heroin", {"substance:opioids"}, None, ""),
    ("aa in downtown", {"fellowship:aa"}, None, "downtown"),
    (
        "by monday. detox north philly, only has medicaid",
        {"service:detox", "pay:medicaid"},
        "Philadelphia, PA",
        "",
    ),
    ("i travel to buffalo for work and need na", {"fellowship:na"}, "Buffalo, NY", "travel work"),
    ("detox n aftercare", {"service:detox", "service:aftercare"}, None, ""),
    (
        "al-anon tonight near worcester ma",
        {"fellowship:al-anon", "day:today", "time:evening"},
        "Worcester, MA",
        "",
    ),
    (
        "wife of an alcoholic worcester ma",
        {"who:families", "fellowship:al-anon", "fellowship:alateen", "fellowship:aca"},
        "Worcester, MA",
        "",
    ),
    ("he took too many pills and wont wake up", {"kind:hotline", "service:poison"}, None, ""),
    ("cant sleep without ambien", {"substance:benzodiazepines"}, None, "sleep"),
    ("son is huffing galaxy gas", {"kind:treatment"}, None, ""),
    ("nitazenes, philly", {"substance:opioids"}, "Philadelphia, PA", ""),
    ("bath salts", {"kind:treatment"}, None, ""),
    ("porn addiction", {"service:behavioral-addiction"}, None, ""),
    (
        "fentanyl test strips",
        {"service:naloxone", "service:infection-care"},
        None,
        "",
    ),
    ("weed dependence", {"substance:cannabis"}, None, ""),
    (
        "lost my son to an overdose, boston",
        {"who:families", "kind:support_group", "kind:counseling"},
        "Boston, MA",
        "",
    ),
    (
        "how do i get my brother committed, tampa",
        {"kind:treatment", "kind:interventionist", "service:intervention"},
        "Tampa, FL",
        "",
    ),
    (
        "aa king of prussia",
        {"fellowship:aa"},
        "King of Prussia, PA",
        "",
    ),
    ("rehab orange county ca", {"kind:treatment"}, "Orange County, CA", ""),
    (
        "methadone near temple university philadelphia",
        {"service:methadone", "service:opioid-treatment-program"},
        "Philadelphia, PA",
        "",
    ),
    ("she is 16 teenage rehab denver", {"who:teens", "kind:treatment"}, "Denver, CO", ""),
    ("treatment 10027", {"kind:treatment"}, "New York, NY 10027", ""),
    ("zoom na meeting", {"attend:online", "fellowship:na", "kind:support_group"}, None, ""),
    ("meetings open now", {"kind:support_group", "open:now"}, None, ""),
    ("IOP that takes tricare", {"service:intensive-outpatient", "pay:military"}, None, ""),
    (
        "rehab for women with no insurance in los angeles",
        {"kind:treatment", "who:women", *NO_MONEY},
        "Los Angeles, CA",
        "",
    ),
    (
        "my son is 16 and smoking weed need help 19104",
        {"who:teens", "substance:cannabis"},
        "Philadelphia, PA 19104",
        "",
    ),
    ("help for my 15 year old daughter", {"who:teens"}, None, ""),
    ("my husband drinks too much boston", {"substance:alcohol"}, "Boston, MA", ""),
    ("he drinks every night in austin", {"substance:alcohol"}, "Austin, TX", ""),
    ("veteran ptsd san diego", {"who:veterans", "service:trauma"}, "San Diego, CA", ""),
    ("halfway house philly", {"service:sober-living"}, "Philadelphia, PA", ""),
    (
        "sober living for women in pennsylvania",
        {"service:sober-living", "who:women"},
        "In Pennsylvania",
        "",
    ),
    (
        "interventionist near me",
        {"kind:interventionist", "service:intervention"},
        None,
        "",
    ),
    ("gay aa meeting", {"who:lgbtq", "fellowship:aa", "kind:support_group"}, None, ""),
    ("court ordered dui classes", {"who:court", "service:dui"}, None, ""),
    ("desintoxicación en Fresno", {"service:detox"}, "Fresno, CA", ""),
    (
        "reuniones de AA en español cerca de Anaheim",
        {"fellowship:aa", "kind:support_group", "language:es"},
        "Anaheim, CA",
        "",
    ),
    ("consejeria familiar gratis", {"service:family-counseling", "pay:free"}, None, ""),
    ("rehabilitación para mujeres", {"kind:treatment", "who:women"}, None, ""),
    (
        "not 12 step programs in portland",
        {"!service:twelve-step", "!fellowship:aa", "!fellowship:na", "!fellowship:al-anon"},
        "Portland, OR",
        "",
    ),
    ("detox no naltrexone", {"service:detox", "!service:naltrexone"}, None, ""),
    ("Serenity House", set(), None, "Serenity House"),
    ("Gaudenzia", set(), None, "Gaudenzia"),
    ("Kirkbride Center", set(), None, "Kirkbride"),
    ("wheelchair accessible meeting", {"access:wheelchair", "kind:support_group"}, None, ""),
    ("m5v aa", {"fellowship:aa"}, "Downtown Toronto, ON M5V, Canada", ""),
    ("detox in recovery", {"service:detox"}, None, "recovery"),
    ("rehab in spanish", {"kind:treatment", "language:es"}, None, ""),
    # What people mean by it where they live, and how they write it in a hurry.
    (
        "inpt rehab takes medical",
        {"service:residential", "kind:treatment", "pay:medicaid"},
        None,
        "",
    ),
    ("aa no praying", {"fellowship:aa", "meeting:secular"}, None, ""),
    ("detox ni dinero", {"service:detox", *NO_MONEY}, None, ""),
    ("lost my job and my insurance, detox", {"service:detox", *NO_MONEY}, None, ""),
    (
        "rehab for women w kids",
        {"kind:treatment", "access:children-stay", "access:childcare"},
        None,
        "",
    ),
    ("womens na bed stuy", {"who:women", "fellowship:na"}, "Bed-Stuy, NY", ""),
    ("detox in san deigo", {"service:detox"}, "San Diego, CA", ""),
    ("detox in san franciso california", {"service:detox"}, "San Francisco, CA", ""),
    ("aa in denial", {"fellowship:aa"}, None, "denial"),
    ("DETOX OR REHAB", {"service:detox", "kind:treatment"}, None, ""),
    ("stop vaping philly", {"substance:tobacco"}, "Philadelphia, PA", ""),
    (
        "detox for trauma, hep c test",
        {"service:detox", "service:trauma", "service:infection-care"},
        None,
        "",
    ),
    ("methadone", {"service:methadone", "service:opioid-treatment-program"}, None, ""),
]


@pytest.mark.parametrize(
    ("typed", "codes", "place", "rest"), ASKED, ids=[asked[0][:60] for asked in ASKED]
)
def test_understood(
    connection: Connection, typed: str, codes: set[str], place: str | None, rest: str
) -> None:
    found = understand(typed, connection, "US")
    assert said(found) == codes
    assert found.rest == rest
    placed = [wording.part_label(part) for part in found.parts if part.what == "place"]
    assert placed == ([] if place is None else [place if place[:3] == "In " else f"Near {place}"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2 year old put a suboxone strip in his mouth!!", "service:poison"),
        ("she took a whole botle of tylenol pm and is really sleepy", "service:poison"),
        ("mi bebe se trago unas pastillas", "service:poison"),
        ("i dont want to wake up tomorow. 3 days no drink", "service:crisis"),
        ("army vet, pills and a gun on the table", "service:crisis"),
        ("stepdad gets high and beats my little brother", "service:child-abuse"),
        ("got raped at a party when i was blackout drunk", "service:sexual-assault"),
        ("had my baby 3 weeks ago, cant stop crying and drinkin wine", "who:pregnant"),
        (
            "about to shoot up in my car, nobody with me, can someone listen",
            "service:safe-use-line",
        ),
        ("he choked me again after drinking, scared to leave", "service:domestic-violence"),
        ("stepdad comes in my room when hes drunk, im 13", "service:child-abuse"),
        ("im 16 and trans, parents kicked me out, want to disappear", "who:lgbtq"),
        ("cant put the juul down, need help to stop vaping", "substance:tobacco"),
        ("lost the house in the hurricane, drinking again, need to talk", "kind:hotline"),
        ("hes drunk and hit me again hiding in bathroom", "service:domestic-violence"),
        ("got nothing left nobody would miss me im done", "service:crisis"),
        ("my friend wont wake up lips r blue", "service:poison"),
        ("lost my job, i just want to go to sleep and not wake up", "service:crisis"),
        ("can somebody stay on the phone while i use, im alone", "service:safe-use-line"),
        ("please help me", "kind:hotline"),
        ("hes using again", "who:families"),
        ("my husband drinks", "who:families"),
        ("im addicted to pills", "kind:hotline"),
        ("my son is using and im desperate", "who:families"),
        ("i dont know what to do", "kind:hotline"),
        ("ayuda por favor esta noche", "kind:hotline"),
        ("he choked me again, i want out", "service:domestic-violence"),
        ("how can my son beat heroin like his dad", "who:families"),
        # Whoever tells a story, and names no place, wants somebody to talk to.
        ("mi hijo esta usando cristal y no se que hacer", "who:families"),
        ("stepson keeps stealing from us for heroin what do WE do", "who:families"),
        ("drank again after three years and i feel like garbage", "kind:hotline"),
        ("brothers on the coke, who do i ring in ireland", "kind:hotline"),
        ("my bf puts his hands on me everytime hes drunk", "service:domestic-violence"),
        ("he's drunk and has a gun, we are locked in the bathroom", "service:domestic-violence"),
        ("im 14 and my mom is high all the time and hits me", "service:child-abuse"),
        ("uncle did things to me when i was little, thats why i drink", "service:sexual-assault"),
        ("he hits me when hes drunk and i have no place to stay", "service:domestic-violence"),
        ("my stepson is on meth and threatening to hurt us", "service:domestic-violence"),
        ("hasnt had a drink in 12 hours and is seeing things", "kind:hotline"),
        ("how do i get my brother into treatment if he keeps saying no", "who:families"),
        ("me quiero matar ya no puedo con la droga", "service:crisis"),
        ("lost my whole paycheck at the casino again", "kind:hotline"),
        # The same words, and no danger.
        ("help for my 15 year old daughter", None),
        ("i dont want to die please get me into detox in boston", None),
        ("he is locked in jail and needs rehab when he gets out", None),
        ("rehabs wont accept my insurance, husband needs detox", None),
        ("nobody home to watch my kids, i use heroin, going to detox", None),
        ("where can i take my son who is using heroin", None),
        ("do you have any open slots for detox, i lost my insurance", None),
        ("I'm here because I don't want to drink alone in Boston", None),
        ("my ex beat me for years, now i need detox", None),
        ("support group for rape survivors", None),
        ("i was raped and need residential treatment", None),
        ("pregnant and depressed, need detox", None),
        ("took suboxone for a year, bunch of meetings near me", None),
        ("my daughter needs a suboxone program", None),
        ("my mom lives all alone and her dope use is bad, need rehab", None),
        ("gay friendly rehab that takes medicaid", None),
        ("please help me in boulder", None),
        ("help and hope", None),
        ("my friends house", None),
        ("a bed for my son", None),
        ("help near me", None),
        ("my mom smokes", None),
        ("my daughter needs detox", None),
        ("i dont know what to do, my son needs detox", None),
    ],
)
def test_signs_of_danger_lead_to_the_lines_for_it(
    connection: Connection, typed: str, meant: str | None
) -> None:
    found = understand(typed, connection, "US")
    codes = {code for part in found.parts for code in part.codes}
    assert ("kind:hotline" in codes) == (meant is not None)
    if meant:
        assert meant in codes
        assert not found.rest


def test_quotes_and_operators_are_words(connection: Connection) -> None:
    for typed in ('"peer support" detox', "detox OR rehab", "recover*", "detox -alcohol"):
        assert understand(typed, connection, "US") == literal(typed)


def test_a_place_in_the_question_counts_if_it_is_around_the_one_beside_it(
    connection: Connection,
) -> None:
    def found(typed: str, beside: str) -> tuple[str | None, str]:
        asked = understand(typed, connection, "US", beside=find_place(connection, beside))
        return asked.place.name if asked.place else None, asked.rest

    assert found("detox kensington", "Philadelphia") == ("Kensington, PA", "")
    assert found("detox 19124", "Philadelphia") == ("Philadelphia, PA 19124", "")
    # What says less exactly where, or the same, is let go; what is elsewhere is words.
    assert found("detox philadelphia", "19124") == (None, "")
    assert found("aa in west chester", "West Chester, PA") == (None, "")
    assert found("detox pennsylvania", "Philadelphia") == (None, "")
    assert found("detox chicago", "Philadelphia") == (None, "chicago")
    assert found("detox in chicago", "Philadelphia") == ("Chicago, IL", "")


def test_every_label_and_synonym_is_understood(connection: Connection) -> None:
    for term in vocabulary().terms.values():
        for said_ in (term.label, *term.synonyms):
            assert understand(said_, connection, "US").parts, said_


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.text(max_size=210)
    | st.lists(st.sampled_from([a[0] for a in ASKED] + ["cerca de mí", "necesito ayuda"])).map(
        " ".join
    )
)
@example(typed="{H{")
def test_any_text_is_understood_or_clearly_refused(connection: Connection, typed: str) -> None:
    try:
        found = understand(typed, connection, "US")
    except UsageError as error:
        assert error.parameter == "q"
        return
    for asked in filter(None, (found.words, found.loose)):
        for tsquery in (asked.tsquery, asked.name_tsquery, *asked.wishes):
            connection.execute(text("SELECT CAST(:asked AS tsquery)"), {"asked": tsquery})
    ends = [0]
    for part in sorted(found.parts, key=lambda part: (part.start, part.end)):
        assert 0 <= part.start < part.end <= len(typed)
        assert typed[part.start : part.end] == part.source
        ends.append(part.end)
        # A space may stand where it was: fewer are the characters that are none.
        assert len("".join(found.without(part).split())) < len("".join(typed.split()))


def test_names_win_over_wishes(database: Engine, load_rows: Loader) -> None:
    """A listing called so is found, and first, though it lacks what its name wishes for."""
    load_rows(
        {"external_id": "a", "name": "Women's Detox House", "kind": "community_program"},
        {"external_id": "b", "name": "City Clinic", "terms": ["service:detox", "who:women"]},
        {"external_id": "c", "name": "Other", "terms": ["service:detox"]},
        {"external_id": "d", "name": "Third", "terms": ["who:women"]},
    )
    with database.connect() as connection:
        asked = understand("women's detox house", connection, "US")
        page = answer(connection, Search(words=asked.words), NOW)
        assert [hit.listing.external_id for hit in page.hits] == ["a"]
        asked = understand("detox for women", connection, "US")
        page = answer(connection, Search(words=asked.words), NOW)
        assert [hit.listing.external_id for hit in page.hits] == ["a", "b", "c"]
        wish = understand("detox for women", connection, "US").words
        near = Search(words=wish, place=place_at(39.7, -105.0))
        assert answer(connection, near, NOW).total == 0


def test_a_city_in_a_name_is_no_place(database: Engine, load_rows: Loader) -> None:
    load_rows({"name": "Phoenix House Long Island"})
    with database.connect() as connection:
        assert understand("phoenix house", connection, "US").place is None
        named = understand("phoenix detox", connection, "US").place
        assert named is not None
        assert named.name == "Phoenix, AZ"


def test_a_small_word_in_a_name_makes_it_no_place(database: Engine, load_rows: Loader) -> None:
    load_rows({"name": "Resources – Morris Home"})
    with database.connect() as connection:
        load_places(connection)
        assert understand("morris home", connection, "US").place is None
        assert understand("morris rehab", connection, "US").place is not None


def test_who_writes_spanish_finds_help_in_spanish_first(
    database: Engine, load_rows: Loader
) -> None:
    load_rows(
        {
            "external_id": "en",
            "terms": ["service:detox"],
            "description": "Detox",
            "website": "a.org",
        },
        {"external_id": "es", "terms": ["service:detox", "language:es"]},
    )
    with database.connect() as connection:
        found = {}
        for typed in ("necesito desintoxicación para mi hijo", "i need detox for my son"):
            search = Search(words=understand(typed, connection, "US").words)
            found[typed] = [h.listing.external_id for h in answer(connection, search, NOW).hits]
    assert list(found.values()) == [["es", "en"], ["en", "es"]]


def test_what_starts_at_the_hour_comes_first(database: Engine, load_rows: Loader) -> None:
    meeting = {"kind": "support_group", "terms": ["fellowship:aa"], "timezone": "America/Denver"}
    for start in ("09:00", "06:30", "19:00"):
        session = {"weekday": 1, "start": start, "minutes": 60}
        load_rows({**meeting, "external_id": start, "sessions": [session]}, source=f"at{start[:2]}")
    with database.connect() as connection:
        asked = understand("6am aa", connection, "US")
        search = Search(words=asked.words, when=asked.when)
        hits = answer(connection, search, NOW).hits
    assert [hit.listing.external_id for hit in hits] == ["06:30", "09:00"]


class _Words:
    """Knows three words, as the index of a directory's words would."""

    def knows(self, token: str) -> bool:
        return token in ("detox", "serenity", "serenety", "near")

    def doubts(self, token: str) -> bool:
        return token == "serenety"

    def close(self, token: str) -> list[str]:
        alike = {"sernity": "serenity", "serenety": "serenity", "detx": "detox"}
        return [alike[token]] if token in alike else []


def test_unknown_words_are_respelled_and_others_left(connection: Connection) -> None:
    asked = understand("Sernity detx near Denver zzz", connection, "US")
    assert respell(asked, _Words()) == "serenity detox near Denver zzz"
    assert respell(understand("serenity", connection, "US"), _Words()) is None
    assert respell(asked, None) is None
    # A word that one listing has is doubted where nothing is found with it.
    doubted = understand("serenety", connection, "US")
    assert respell(doubted, _Words()) is None
    assert respell(doubted, _Words(), doubt=True) == "serenity"
    # Nobody is sent to a line for a danger that they did not write of.
    story = understand(
        "my brother is sleeping here since prisen and detx is full", connection, "US"
    )
    assert respell(story, _Prison()) == "my brother is sleeping here since prisen and detox is full"
    # A small word is spelled right, though no listing has it.
    assert respell(understand("daughter zzz", connection, "US"), _Daughters()) is None
    # Nor is a word that everybody uses, in either language, taken for another.
    common = understand("sober grid dawn patrol debt lunes", connection, "US")
    assert respell(common, _Guesses()) is None
    assert respell(understand("grid patrl", connection, "US"), _Guesses()) == "grid parole"


class _Guesses(_Words):
    def close(self, token: str) -> list[str]:
        return ["parole"]


class _Prison(_Words):
    def close(self, token: str) -> list[str]:
        return ["poison"] if token == "prisen" else super().close(token)


class _Daughters(_Words):
    def close(self, token: str) -> list[str]:
        return ["laughter"] if token == "daughter" else []


def test_not_online_is_in_person(connection: Connection) -> None:
    assert understand("aa meeting not on zoom", connection, "US").attend == "in_person"
    assert understand("aa meeting on zoom", connection, "US").attend == "online"


def test_help_lines_ring_anywhere_and_are_those_of_the_country(
    database: Engine, load_rows: Loader
) -> None:
    """The country of the place, or else of the site."""
    line = {"kind": "hotline", "in_person": False, "online": True, "terms": ["service:crisis"]}
    load_rows(
        {**line, "external_id": "ca", "name": "Ligne A", "served": ["CA"], "description": "Full"},
        {**line, "external_id": "us", "name": "Line B", "served": ["US"]},
    )
    with database.connect() as connection:
        load_places(connection)
        for typed, first in (("suicidal", "us"), ("suicidal in toronto", "ca")):
            asked = understand(typed, connection, "US")
            search = Search(words=asked.words, place=asked.place, attend=asked.attend)
            hits = answer(connection, search, NOW).hits
            assert hits[0].listing.external_id == first
            assert len(hits) == 2


def test_a_long_story_is_asked_for_what_was_understood_of_it(connection: Connection) -> None:
    story = (
        "my brother keeps stealing from our mother, lies about everything, crashed her car again, "
        "drunk, we live near harrisburg pa, nobody sleeps, neighbours whisper, police came, "
        "bills pile up"
    )
    found = understand(story, connection, "US")
    assert {code for part in found.parts for code in part.codes} == {"substance:alcohol"}
    assert found.place is not None and found.place.name == "Harrisburg, PA"
    assert found.rest == "" and "neighbours whisper" in found.dropped
    with pytest.raises(UsageError, match="too many words"):
        understand("neighbours whisper " * 9, connection, "US")


def test_what_is_asked_for_by_name_is_not_left_out(connection: Connection) -> None:
    """ "AA that is not religious" is a secular meeting of AA, not all but AA."""
    needless = understand("he doesn't need detox just outpatient", connection, "US")
    assert [part.codes for part in needless.parts if part.negated] == [("service:detox",)]
    assert not any(p.negated for p in understand("isnt detox free", connection, "US").parts)
    found = understand("AA meeting thats not religious", connection, "US")
    assert found.words and found.words.tsquery
    assert "!'fellowship:aa'" not in found.words.tsquery
    assert "!'fellowship:na'" in found.words.tsquery
    assert any("'meeting:secular'" in wish for wish in found.words.wishes)


def test_a_name_in_another_language_is_looked_for_as_listings_say_it(
    connection: Connection,
) -> None:
    found = understand("clinica de metadona", connection, "US")
    assert found.words and found.words.tsquery and "'methadon'" in found.words.tsquery
