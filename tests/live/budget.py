"""The budget: how many jobs a live check may create, checked before each submission."""

from __future__ import annotations

from dataclasses import dataclass


class OverBudget(Exception):
    """One more submission than was agreed to: a bug of the check, which blocks the submission."""


@dataclass(slots=True)
class Budget:
    """
    The last check before any submission.

    :param most: how many jobs may be created.
    :param spent: how many may have been created.
    """

    most: int = 0
    spent: int = 0

    def spend(self) -> None:
        """
        Take one.

        :raises OverBudget: there is none left.
        """
        if self.spent >= self.most:
            raise OverBudget(
                f"More jobs were about to be submitted than the {self.most} agreed to. This one was not sent."
            )
        self.spent += 1

    def give_back(self) -> None:
        """Return one: the service certainly did not execute the request."""
        self.spent -= 1
