"""That the mutants are those which somebody could have written by mistake, and that each is one change."""

from __future__ import annotations

import ast

import pytest

from tests.mutants import Mutant, mutants_of

SOURCE = '''"""A module."""

from __future__ import annotations

Limit = tuple[int, int]
"""What a limit is."""
COUNT: int | None = 3


class Thing:
    """A thing."""

    def value(self, given: int | None = None) -> int:
        """Give its value."""
        if given is None:
            raise ValueError("no value")
        self.note(given, "text")
        return given + COUNT
'''


@pytest.fixture(scope="module")
def made() -> list[Mutant]:
    return list(mutants_of("flask_twofactor/core/thing.py", SOURCE))


def changes(made: list[Mutant], line: int) -> set[str]:
    return {one.diff.splitlines()[-1].removeprefix("+").strip() for one in made if one.line == line}


def test_documentation_annotations_and_names_of_types_stay_as_they_are(made: list[Mutant]) -> None:
    assert {one.line for one in made} == {7, 15, 16, 17, 18}
    assert changes(made, 7) == {"COUNT: int | None = 4", "COUNT: int | None = None"}


def test_statements_conditions_arguments_and_values_are_changed_one_at_a_time(made: list[Mutant]) -> None:
    assert changes(made, 15) == {"if given is not None:"}
    assert changes(made, 16) == {"pass", "raise ValueError(None)", 'raise ValueError("XXno valueXX")'}
    assert changes(made, 17) == {
        "pass",
        'self.note(None, "text")',
        "self.note(given, None)",
        'self.note(given, "XXtextXX")',
    }
    assert changes(made, 18) == {"return None", "return given - COUNT"}


def test_each_mutant_is_another_module_that_compiles(made: list[Mutant]) -> None:
    assert len({ast.dump(ast.parse(one.code)) for one in made} | {ast.dump(ast.parse(SOURCE))}) == len(made) + 1


def test_a_mutant_knows_its_function_and_the_lines_of_its_statement(made: list[Mutant]) -> None:
    assert {(one.function, one.lines) for one in made if one.line == 17} == {("Thing.value", range(17, 18))}
    assert {one.at_import for one in made if one.line == 7} == {True}
