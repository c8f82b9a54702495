"""The official SQLAlchemy dialect over real HTTP: statements, reflection, its names of types."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.oracle import NCLOB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable
from swagger_client.rest import ApiException
from timeplus import Environment, View
from timeplus.error import Error
from timeplus.sqlalchemy import TimeplusDialect

from engine.owned_names import FIXED  # what an API has made stays on the shared server
from tests.journeys.server import Server
from tests.journeys.timeplus_calls import check, recording

# The dialect asks SQLAlchemy 2 for a connection by the name that version 1 gave it.
pytestmark = pytest.mark.filterwarnings("ignore:The _ConnectionFairy.connection")

# How the dialect writes SQLAlchemy's types, and what the server makes of it.
TYPES = {
    "int32": (sa.NUMERIC, sa.INTEGER, sa.SMALLINT, sa.BIGINT, sa.TIMESTAMP),
    "float32": (sa.REAL, sa.DECIMAL),
    "bool": (sa.BOOLEAN,),
    "date": (sa.DATE,),
    "datetime": (sa.DATETIME,),
    "string": (
        *(sa.CHAR, sa.NCHAR, sa.VARCHAR, sa.NVARCHAR, sa.TEXT),
        *(sa.BLOB, sa.CLOB, NCLOB, sa.VARBINARY, sa.BINARY),
    ),
}


@pytest.fixture(scope="module", autouse=True)
def calls() -> Iterator[set[str]]:
    """What the tests of this module called."""
    with recording() as made:
        yield made


@pytest.fixture(scope="module")
def engine(server: Server) -> Iterator[sa.Engine]:
    """SQLAlchemy's engine on a server with a stream, a view and a materialized view."""
    registry.register("timeplus", TimeplusDialect.__module__, TimeplusDialect.__name__)
    server.create("cars", cid="string", speed="float32")
    server.ingest("cars", ["cid", "speed"], [["c1", 61.5], ["c2", 48.0], ["it's", 1.0]])
    environment = Environment().address(server.url).workspace("default").apikey(server.key)
    for name, kept in (("seen", False), ("kept", True)):
        View(env=environment).name(name).query("select cid from cars").materialized(kept).create()
    with pytest.MonkeyPatch.context() as patch:
        # The dialect speaks TLS only, which this server leaves to a proxy before it.
        patch.setattr(TimeplusDialect, "scheme", "http")
        made = sa.create_engine(f"timeplus://:{server.key}@127.0.0.1:{server.port}/default")
        yield made
        made.dispose()


@pytest.fixture(scope="module")
def inspector(engine: sa.Engine) -> sa.Inspector:
    """What reflects the server's objects."""
    return sa.inspect(engine)


def test_rows_with_bound_parameters(engine: sa.Engine) -> None:
    sql = sa.text("select cid, speed from table(cars) where cid in (:a, :b) order by cid")
    with engine.connect() as connection:
        rows = connection.execute(sql, {"a": "c1", "b": "it's"})
        assert list(rows.keys()) == ["cid", "speed"]
        assert rows.fetchall() == [("c1", 61.5), ("it's", 1.0)]
        assert connection.scalar(sa.text("select count() from table(cars)")) == 3


def test_composed_select_over_a_reflected_stream(engine: sa.Engine, server: Server) -> None:
    cars = sa.Table("cars", sa.MetaData(), autoload_with=engine)
    assert cars.columns.keys() == ["cid", "speed", "_tp_time"]
    wanted = sa.select(cars.c.cid).where(cars.c.speed > 100).limit(2)
    stop = threading.Event()

    def drive() -> None:
        while not stop.wait(0.1):
            server.ingest("cars", ["cid", "speed"], [["fast", 200.0], ["slow", 1.0]])

    driving = threading.Thread(target=drive)
    driving.start()
    try:
        with engine.connect() as connection:
            assert connection.execute(wanted).fetchall() == [("fast",), ("fast",)]
    finally:
        stop.set()
        driving.join()


def test_reflection(engine: sa.Engine, inspector: sa.Inspector) -> None:
    assert inspector.get_schema_names() == ["default"]
    assert "cars" in inspector.get_table_names()
    assert [n for n in inspector.get_view_names() if n not in FIXED] == ["seen"]
    assert inspector.get_materialized_view_names() == ["kept"]
    shown = {c["name"]: type(c["type"]) for c in inspector.get_columns("cars")}
    assert shown == {"cid": sa.String, "speed": sa.Float, "_tp_time": sa.DateTime}
    assert [c["name"] for c in inspector.get_columns("seen")] == ["cid"]
    assert inspector.get_pk_constraint("cars")["constrained_columns"] == []
    assert inspector.get_foreign_keys("cars") == []
    assert inspector.get_check_constraints("cars") == []
    assert inspector.get_unique_constraints("cars") == []
    assert inspector.get_indexes("cars") == []
    assert inspector.get_table_comment("cars") == {"text": ""}
    assert inspector.get_view_definition("seen") is None
    with pytest.raises(Error, match="no such table or view"):
        inspector.get_columns("nowhere")
    with engine.connect() as connection:
        assert engine.dialect.has_table(connection, "cars")
        assert not engine.dialect.has_table(connection, "nowhere")
    # The client's method lacks an argument that SQLAlchemy 2 gives it.
    with pytest.raises(TypeError, match="info_cache"):
        inspector.has_table("cars")


def test_connections_are_probed_and_closed(engine: sa.Engine) -> None:
    assert engine.dialect.dbapi is not None
    assert TimeplusDialect.dbapi().paramstyle == TimeplusDialect.import_dbapi().paramstyle
    raw = engine.raw_connection()
    assert raw.dbapi_connection is not None
    assert engine.dialect.do_ping(raw.dbapi_connection)
    raw.invalidate()
    with engine.connect() as connection:
        connection.rollback()


def test_a_stream_of_all_types_by_a_table(engine: sa.Engine, inspector: sa.Inspector) -> None:
    names = [(shown, kind) for shown, kinds in TYPES.items() for kind in kinds]
    columns = [sa.Column(f"c_{kind.__name__.lower()}", kind) for _, kind in names]
    table = sa.Table("typed", sa.MetaData(), *columns)
    written = str(CreateTable(table).compile(dialect=engine.dialect))
    create = written.strip().replace("CREATE TABLE", "CREATE STREAM", 1)
    with engine.begin() as connection:
        connection.execute(sa.text(create))
        connection.execute(sa.insert(table).values(c_integer=5, c_text="it's", c_boolean=True))
        made = connection.execute(sa.text("describe typed")).fetchall()
        types = {row[0]: row[1] for row in made}
        rows = "select c_integer, c_text, c_boolean from table(typed)"
        assert connection.execute(sa.text(rows)).fetchall() == [(5, "it's", True)]
    assert {f"c_{kind.__name__.lower()}": shown for shown, kind in names}.items() <= types.items()
    assert "typed" in inspector.get_table_names()


def test_what_the_server_says_reaches_the_user(engine: sa.Engine) -> None:
    table = sa.Table("by_table", sa.MetaData(), sa.Column("a", sa.Integer))
    with pytest.raises(ApiException) as refused, engine.connect() as connection:
        table.create(connection)
    assert json.loads(refused.value.body)["code"] == 62
    with pytest.raises(ApiException) as refused, engine.connect() as connection:
        connection.execute(sa.text("select nothing from table(cars)"))
    assert "column nothing does not exist" in json.loads(refused.value.body)["message"]
    with pytest.raises(DBAPIError, match="not supported"), engine.connect() as connection:
        connection.execute(sa.insert(table), [{"a": 1}, {"a": 2}])


def test_every_call_of_these_classes_was_made(
    calls: set[str], request: pytest.FixtureRequest
) -> None:
    check(calls, request)
