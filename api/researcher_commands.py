"""The commands `parallax researcher`, `parallax key` and `parallax audit`."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .terminal import NO, Json, database, say, show
from .vocabulary import EVERY, ROLES, Role

if TYPE_CHECKING:
    from .accounts import Enrolment

researcher_app = typer.Typer(
    help="Who may sign in, and what each may do.", no_args_is_help=True
)
key_app = typer.Typer(help="Keys for researchers' programs.", no_args_is_help=True)
audit_app = typer.Typer(help="What researchers did.", no_args_is_help=True)

Researcher = Annotated[str, typer.Argument(help="The researcher's name.")]
Survey = Annotated[str, typer.Option(help="A survey's name; * for all.")]
TypePassword = Annotated[
    bool, typer.Option("--type-password", help="Ask for a password, do not draw one.")
]


@researcher_app.command(name="add")
def add_researcher(
    name: Researcher,
    role: Annotated[
        Role | None,
        typer.Option(help="viewer: see; analyst: download; manager: run; owner: all."),
    ] = None,
    survey: Survey = EVERY,
    type_password: TypePassword = False,
) -> None:
    """Add a researcher; the password and the secret for codes are shown only once."""
    from . import accounts
    from .settings import Settings

    with database() as engine:
        password = _password(type_password)
        enrolment = accounts.add(engine, Settings(), name, password)
        _show(enrolment, shows_password=not type_password)
        if role:
            accounts.grant(engine, name, survey, role)
        else:
            say(f"\n{name} has no role yet: parallax researcher grant {name} ROLE")


@researcher_app.command()
def reset(name: Researcher, type_password: TypePassword = False) -> None:
    """Give a new password and a new secret for codes; sessions end."""
    from . import accounts
    from .settings import Settings

    with database() as engine:
        password = _password(type_password)
        enrolment = accounts.reset(engine, Settings(), name, password)
        _show(enrolment, shows_password=not type_password)


@researcher_app.command()
def grant(
    name: Researcher,
    role: Annotated[
        Role | None,
        typer.Argument(help="viewer, analyst, manager or owner; none takes it away."),
    ] = None,
    survey: Survey = EVERY,
) -> None:
    """Give a researcher a role in a survey instead of the present one."""
    from . import accounts

    with database() as engine:
        accounts.grant(engine, name, survey, role)
        where = "every survey" if survey == EVERY else survey
        say(f"{name} is {role} in {where}" if role else f"{name} left {where}")


@researcher_app.command()
def revoke(name: Researcher) -> None:
    """Shut a researcher out for good: sessions, keys and roles end now."""
    from . import accounts

    with database() as engine:
        accounts.revoke(engine, name)
        say(f"{name} can do nothing any more")


@researcher_app.command(name="list")
def list_researchers(as_json: Json = False) -> None:
    """List the researchers and their roles."""
    from . import accounts

    with database() as engine:
        rows = accounts.list_researchers(engine)

    def line(row: dict[str, Any]) -> str:
        roles = ", ".join(f"{role} in {name}" for name, role in row["roles"].items())
        return f"{row['name']}  {(roles or 'no role') if row['active'] else 'revoked'}"

    nobody = "there is no researcher yet: parallax researcher add NAME --role owner"
    show(rows, line, as_json=as_json, instead=nobody)


@key_app.command(name="add")
def add_key(
    name: Researcher,
    scope: Annotated[
        list[str],
        typer.Option(help="SURVEY:ROLE, the most the key may do; may be repeated."),
    ],
    days: Annotated[int, typer.Option(help="How long it lives, 1 to 366.")] = 90,
) -> None:
    """Make a key for a researcher's program; it is shown only once."""
    from . import accounts

    scopes = dict(map(_scope, scope))
    with database() as engine:
        say(accounts.add_key(engine, name, scopes, days))


@key_app.command(name="list")
def list_keys(as_json: Json = False) -> None:
    """List the keys: who has them, what they may do, until when."""
    from . import accounts

    with database() as engine:
        rows = accounts.list_keys(engine)

    def line(row: dict[str, Any]) -> str:
        scopes = ", ".join(f"{name}:{role}" for name, role in row["scopes"].items())
        until = datetime.fromtimestamp(row["expires"], UTC).date()
        return f"{row['key_id']}  {row['researcher']}  {scopes}  until {until}"

    none = "there is no key: parallax key add NAME --scope SURVEY:ROLE"
    show(rows, line, as_json=as_json, instead=none)


@key_app.command(name="revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="Its name in `parallax key list`.")],
) -> None:
    """Make a key useless from now on."""
    from . import accounts

    with database() as engine:
        accounts.revoke_key(engine, key)
        say(f"key {key} is good for nothing any more")


@audit_app.command()
def verify(
    known: Annotated[
        str | None,
        typer.Option("--known", help="A hash printed earlier, to be found again."),
    ] = None,
) -> None:
    """Check that no entry of the audit log was changed, removed or put in."""
    from . import audit
    from .errors import AuditBroken

    with database() as engine, engine.connect() as connection:
        try:
            chain = audit.verify(connection, known)
        except AuditBroken as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(NO) from error
    say(f"{chain.length} acts, nothing was changed. Note the last hash elsewhere:")
    say(chain.last)


@audit_app.command(name="show")
def show_acts(
    last: Annotated[int, typer.Option(min=1, help="How many, the newest.")] = 20,
    as_json: Json = False,
) -> None:
    """Show what researchers did lately."""
    from . import audit

    with database() as engine, engine.connect() as connection:
        acts = audit.latest(connection, last)

    def line(act: dict[str, Any]) -> str:
        details = json.dumps(act["details"], ensure_ascii=False)
        who, what = act["researcher"], act["act"]
        return f"{act['at']}  {who}  {what}  {act['survey']} {details}"

    show(acts, line, as_json=as_json, instead="nobody has done anything yet")


def _password(typed: bool) -> str:
    if not typed:
        from .security import new_password

        return new_password()
    asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return asked


def _show(enrolment: "Enrolment", *, shows_password: bool) -> None:
    if shows_password:
        say(f"password  {enrolment.password}")
    say(f"secret    {enrolment.secret}")
    say(f"as URI    {enrolment.otpauth}")
    say("\nThis is shown once. Downloads ask for codes of an app that has the secret.")


def _scope(text: str) -> tuple[str, Role]:
    survey, _, role = text.rpartition(":")
    for known in ROLES:
        if survey and role == known:
            return survey, known
    raise typer.BadParameter(f"{text!r} is not SURVEY:ROLE", param_hint="--scope")
