"""Users, memberships, keys and sessions where they are looked up across workspaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from controlplane.db.tables import ApiKey, Invitation, Membership, Session, User, Workspace

# Where the e-mail of a user without one is shown to be.
LOCAL_HOST: Final = "localhost"


class KeyFound(msgspec.Struct, frozen=True):
    """A key with its owner, the owner's role in its workspace, and that workspace's name."""

    key: ApiKey
    user: User
    role: str
    workspace: str


class Identities:
    """Who may sign in and where; one transaction per method."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions

    async def has_users(self) -> bool:
        """Whether anybody exists yet."""
        async with self._sessions() as session:
            return await session.scalar(select(User.id).limit(1)) is not None

    async def begin(self, *rows: Any) -> bool:
        """Store rows in this order at once; False if a unique value is taken."""
        async with self._sessions() as session:
            try:
                for row in rows:
                    session.add(row)
                    await session.flush()
                await session.commit()
            except IntegrityError:
                return False
        return True

    async def user(self, user_id: str) -> User | None:
        """A user of the installation by id."""
        async with self._sessions() as session:
            return await session.get(User, user_id)

    async def user_by_name(self, name: str) -> User | None:
        """A user of the installation by name."""
        async with self._sessions() as session:
            return await session.scalar(select(User).where(User.username == name))

    async def user_by_login(self, login: str) -> User | None:
        """A user of the installation by name, else by e-mail or what stands for a missing one."""
        async with self._sessions() as session:
            by_name = await session.scalar(select(User).where(User.username == login))
            if by_name is not None or "@" not in login:
                return by_name
            return await session.scalar(select(User).where(_has_email(login)))

    async def signs_in(self, user_id: str, login: str, *, names: bool) -> bool:
        """Whether another user than this one signs in by what is written so in lower case: an
        e-mail, or also a name."""
        taken: Any = User.email == login
        if names:
            taken = taken | (func.lower(User.username) == login)
        async with self._sessions() as session:
            statement = select(User.id).where(taken, User.id != user_id).limit(1)
            return await session.scalar(statement) is not None

    async def change_user(self, user_id: str, values: dict[str, Any]) -> bool:
        """Set columns of a user; False if a unique value is taken."""
        async with self._sessions() as session:
            try:
                await session.execute(update(User).where(User.id == user_id).values(**values))
                await session.commit()
            except IntegrityError:
                return False
        return True

    async def member_with(
        self, workspace_id: str, *, email: str = "", orcid: str = "", user_id: str = ""
    ) -> tuple[User, str] | None:
        """The user of a workspace with that e-mail, ORCID or id, with the role; by name the first
        of several."""
        wanted = _has_email(email) if email else User.orcid == orcid
        wanted = User.id == user_id if user_id else wanted
        statement = (
            select(User, Membership.role)
            .join(Membership, Membership.user_id == User.id)
            .where(Membership.workspace_id == workspace_id, wanted)
            .order_by(User.username)
        )
        async with self._sessions() as session:
            row = (await session.execute(statement)).first()
        return None if row is None else (row[0], row[1])

    async def members(self, workspace_id: str) -> list[tuple[User, str]]:
        """Users of a workspace by name, each with the role."""
        statement = (
            select(User, Membership.role)
            .join(Membership, Membership.user_id == User.id)
            .where(Membership.workspace_id == workspace_id)
            .order_by(User.username)
        )
        async with self._sessions() as session:
            return [(row[0], row[1]) for row in (await session.execute(statement)).all()]

    async def member(self, workspace_id: str, name: str) -> tuple[User, str] | None:
        """A user of a workspace by name, with the role."""
        statement = (
            select(User, Membership.role)
            .join(Membership, Membership.user_id == User.id)
            .where(Membership.workspace_id == workspace_id, User.username == name)
        )
        async with self._sessions() as session:
            row = (await session.execute(statement)).first()
        return None if row is None else (row[0], row[1])

    async def role(self, workspace_id: str, user_id: str) -> str:
        """The user's role in a workspace, '' for none."""
        statement = select(Membership.role).where(
            Membership.workspace_id == workspace_id, Membership.user_id == user_id
        )
        async with self._sessions() as session:
            return await session.scalar(statement) or ""

    async def roles_of(self, user_id: str) -> dict[str, str]:
        """Workspace id -> role of one user."""
        statement = select(Membership.workspace_id, Membership.role).where(
            Membership.user_id == user_id
        )
        async with self._sessions() as session:
            return {row[0]: row[1] for row in (await session.execute(statement)).all()}

    async def change_member(
        self, workspace_id: str, user_id: str, role: str, password_hash: str
    ) -> None:
        """Set role, password hash or both; empty leaves as it is. Both revoke the user's tokens,
        a new hash ends all sessions."""
        async with self._sessions() as session:
            if role:
                mine = (Membership.workspace_id == workspace_id, Membership.user_id == user_id)
                await session.execute(update(Membership).where(*mine).values(role=role))
            if password_hash:
                changed = update(User).where(User.id == user_id)
                await session.execute(changed.values(password_hash=password_hash))
                await session.execute(delete(Session).where(Session.user_id == user_id))
            if role or password_hash:
                await session.execute(_revoked(user_id))
            await session.commit()

    async def set_first_password(self, user_id: str, password_hash: str) -> bool:
        """Give a user without a password one; False if there is one already."""
        async with self._sessions() as session:
            empty = update(User).where(User.id == user_id, User.password_hash == "")
            changed = empty.values(password_hash=password_hash).returning(User.id)
            done = await session.scalar(changed) is not None
            if done:
                await session.execute(_revoked(user_id))
            await session.commit()
        return done

    async def leave(self, workspace_id: str, user_id: str) -> None:
        """Take a user out of a workspace with the keys there; the last one out is forgotten."""
        async with self._sessions() as session:
            for table in (ApiKey, Membership, Invitation):
                mine = (table.workspace_id == workspace_id, table.user_id == user_id)
                await session.execute(delete(table).where(*mine))
            await session.execute(_revoked(user_id))
            await session.execute(delete(User).where(User.id == user_id, _without_membership()))
            await session.commit()

    async def forget_strangers(self) -> None:
        """Remove users who are in no workspace any more."""
        async with self._sessions() as session:
            await session.execute(delete(User).where(_without_membership()))
            await session.commit()

    async def accept_invitation(self, workspace_id: str, email: str, user_id: str) -> None:
        """A user of that name joined: the invitation to it is accepted."""
        statement = update(Invitation).where(
            Invitation.workspace_id == workspace_id, Invitation.email == email
        )
        async with self._sessions() as session:
            await session.execute(statement.values(status="accepted", user_id=user_id))
            await session.commit()

    async def key(self, digest: str) -> KeyFound | None:
        """The key with this digest, if its owner is still in its workspace."""
        statement = (
            select(ApiKey, User, Membership.role, Workspace.name)
            .join(User, User.id == ApiKey.user_id)
            .join(Workspace, Workspace.id == ApiKey.workspace_id)
            .join(
                Membership,
                (Membership.user_id == ApiKey.user_id)
                & (Membership.workspace_id == ApiKey.workspace_id),
            )
            .where(ApiKey.digest == digest)
        )
        async with self._sessions() as session:
            row = (await session.execute(statement)).first()
        return None if row is None else KeyFound(row[0], row[1], row[2], row[3])

    async def add_session(self, row: Session, kept_max: int, oldest_ms: int) -> None:
        """Store a session; those begun before `oldest_ms` and all but the user's newest go."""
        newest = (
            select(Session.id)
            .where(Session.user_id == row.user_id)
            .order_by(Session.seen_at_ms.desc())
            .limit(kept_max - 1)
        )
        async with self._sessions() as session:
            await session.execute(delete(Session).where(Session.created_at_ms < oldest_ms))
            kept: Sequence[str] = (await session.scalars(newest)).all()
            surplus = (Session.user_id == row.user_id, Session.id.not_in(kept))
            await session.execute(delete(Session).where(*surplus))
            session.add(row)
            await session.commit()

    async def session(self, digest: str) -> tuple[Session, User] | None:
        """The session with this digest and whose it is."""
        statement = (
            select(Session, User)
            .join(User, User.id == Session.user_id)
            .where(Session.digest == digest)
        )
        async with self._sessions() as session:
            row = (await session.execute(statement)).first()
        return None if row is None else (row[0], row[1])

    async def touch_session(self, session_id: str, now_ms: int) -> None:
        """The session was used just now."""
        statement = update(Session).where(Session.id == session_id)
        async with self._sessions() as session:
            await session.execute(statement.values(seen_at_ms=now_ms))
            await session.commit()

    async def end_sessions(self, *, session_id: str = "", user_id: str = "") -> None:
        """End one session, or all of a user."""
        wanted = Session.id == session_id if session_id else Session.user_id == user_id
        async with self._sessions() as session:
            await session.execute(delete(Session).where(wanted))
            await session.commit()

    async def count_admins(self, workspace_id: str) -> int:
        """How many admins a workspace has."""
        statement = (
            select(func.count())
            .select_from(Membership)
            .where(Membership.workspace_id == workspace_id, Membership.role == "admin")
        )
        async with self._sessions() as session:
            return await session.scalar(statement) or 0


def _revoked(user_id: str) -> Any:
    """Tokens made before are good no more."""
    changed = update(User).where(User.id == user_id)
    return changed.values(token_version=User.token_version + 1)


def _has_email(email: str) -> Any:
    """Whether the e-mail is a user's, or the one shown of a user without: the name at this host."""
    name, _, host = email.lower().rpartition("@")
    mine = User.email == email.lower()
    if host != LOCAL_HOST:
        return mine
    return mine | (User.email.is_(None) & (func.lower(User.username) == name))


def _without_membership() -> Any:
    return User.id.not_in(select(Membership.user_id))
