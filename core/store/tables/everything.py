"""All tables at once, for who makes or compares a whole schema. Everybody else takes the subject that they need."""

from sqlmodel import SQLModel

from core.store.tables import journal, money, people, slack, work

metadata = SQLModel.metadata

__all__ = ["journal", "metadata", "money", "people", "slack", "work"]
