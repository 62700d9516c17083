"""The tables, by subject. Nothing outside core.store imports this room."""

from sqlmodel import SQLModel

from core.store.tables import journal, money, people, slack, work

metadata = SQLModel.metadata

__all__ = ["journal", "metadata", "money", "people", "slack", "work"]
