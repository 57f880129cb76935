"""A question in Spanish means what the same question in English means, and finds the same."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine

from directory.phrases import Question
from directory.understand import understand

PAIRS = [
    ("desintoxicación cerca de Fresno", "detox near Fresno"),
    ("reuniones de AA en español", "AA meetings in Spanish"),
    ("reuniones de alcohólicos anónimos en Denver", "alcoholics anonymous meetings in Denver"),
    ("centro de rehabilitación en Los Ángeles", "rehab center in Los Angeles"),
    ("rehabilitación que acepta Medicaid", "rehab that takes Medicaid"),
    ("necesito ayuda para dejar la heroína", "I need help to quit heroin"),
    ("tratamiento para el alcoholismo", "treatment for alcoholism"),
    ("tratamiento de drogas gratis", "free drug treatment"),
    ("clínica de metadona en Chicago", "methadone clinic in Chicago"),
    ("suboxone cerca de mí", "suboxone near me"),
    ("buprenorfina sin seguro", "buprenorphine without insurance"),
    ("consejería familiar", "family counseling"),
    ("terapia familiar en Houston", "family counseling in Houston"),
    ("consejero para adolescentes", "counselor for teenagers"),
    ("grupos de apoyo para familias", "support groups for families"),
    ("reuniones de Al-Anon hoy", "Al-Anon meetings today"),
    ("reuniones de Al-Anon esta noche", "Al-Anon meetings tonight"),
    ("narcóticos anónimos el lunes", "narcotics anonymous on monday"),
    ("reuniones de NA el viernes por la noche", "NA meetings friday evening"),
    ("reunión de AA mañana por la mañana", "AA meeting tomorrow morning"),
    ("casa de recuperación para mujeres", "sober living for women"),
    ("vivienda sobria para hombres", "sober living for men"),
    ("tratamiento residencial en Miami", "residential treatment in Miami"),
    ("tratamiento ambulatorio", "outpatient treatment"),
    ("tratamiento ambulatorio intensivo", "intensive outpatient treatment"),
    ("naloxona gratis", "free naloxone"),
    ("prevención de recaídas", "relapse prevention"),
    ("línea de ayuda", "helpline"),
    ("quiero morir", "I want to die"),
    ("sobredosis", "overdose"),
    ("intervención para mi hijo", "intervention for my son"),
    ("ayuda para veteranos", "help for veterans"),
    ("embarazada y usa fentanilo", "pregnant and using fentanyl"),
    ("cocaína", "cocaine"),
    ("metanfetamina", "meth"),
    ("marihuana", "marijuana"),
    ("dejar de fumar", "quit smoking"),
    ("terapia de grupo", "group counseling"),
    ("abierto ahora", "open now"),
    ("en línea", "online"),
    ("salud mental y adicción", "mental health and addiction"),
    ("silla de ruedas", "wheelchair"),
    ("cuidado de niños", "child care"),
    ("evaluación", "assessment"),
    ("seguimiento después del tratamiento", "aftercare"),
    ("ayuda por violencia doméstica", "domestic violence help"),
    ("pastillas para el dolor", "pain pills"),
    ("mi hijo es adicto a los opioides", "my son is addicted to opioids"),
    ("tarifa según ingresos", "sliding scale"),
    ("reuniones abiertas el domingo", "open meetings on sunday"),
]


@pytest.fixture(scope="module")
def connection(gazetteer: Engine) -> Any:
    with gazetteer.connect() as found:
        yield found


def meaning(question: Question) -> tuple[set[tuple[str, bool]], str | None, str]:
    codes = {(code, part.negated) for part in question.parts for code in part.codes}
    return codes, question.place.name if question.place else None, question.rest


@pytest.mark.parametrize(("spanish", "english"), PAIRS)
def test_it_means_the_same(connection: Connection, spanish: str, english: str) -> None:
    asked, expected = (understand(text, connection, "US") for text in (spanish, english))
    assert meaning(asked) == meaning(expected)


@pytest.mark.parametrize(("spanish", "english"), PAIRS)
def test_it_finds_the_same(client: FlaskClient, spanish: str, english: str) -> None:
    """Save for listings that the English words find by their names alone."""
    found = []
    for text in (spanish, english):
        answer = client.get("/api/v1/search", query_string={"q": text, "per_page": 100}).json
        assert answer
        found.append({hit["id"]: hit["name"] for hit in answer["results"]})
    assert set(found[0]) <= set(found[1])
    for more in set(found[1]) - set(found[0]):
        assert english.casefold() in found[1][more].casefold()
