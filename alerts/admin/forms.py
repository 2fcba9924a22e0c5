"""Forms that say in words what the tables' constraints say by their names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError


class WordedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A model's form whose constraints have sentences for people.

    ``constraint_words`` maps a constraint's name to the field it is about (None: all of it) and
    the sentence; any other constraint is reported in Django's words.
    """

    constraint_words: ClassVar[dict[str, tuple[str | None, str]]] = {}

    def _post_clean(self) -> None:
        # Django checks the constraints amid this and reports them by their names.
        with _constraints_unchecked(self.instance):
            super()._post_clean()  # type: ignore[misc]
        self._check_constraints()

    def _check_constraints(self) -> None:
        excluded = self._get_validation_exclusions()  # type: ignore[attr-defined]
        instance: Any = self.instance
        for model, constraints in instance.get_constraints():
            for constraint in constraints:
                try:
                    constraint.validate(model, instance, exclude=excluded)
                except ValidationError as error:
                    self._explain(constraint.name, error)

    def _explain(self, name: str, error: ValidationError) -> None:
        field, words = self.constraint_words.get(name, (None, ""))
        self.add_error(field if field in self.fields else None, words or error)


@contextlib.contextmanager
def _constraints_unchecked(instance: Any) -> Iterator[None]:
    vars(instance)["validate_constraints"] = lambda exclude=None: None  # noqa: ARG005
    try:
        yield
    finally:
        del vars(instance)["validate_constraints"]
