from __future__ import annotations

import pickle
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from async_dynamo_store.config import (
    AwsConfig,
    DynamoDbConfig,
    HistoryElements,
    read_config,
)
from async_dynamo_store.settings import DynamoDbSettings

SECRET = "wJalrXUtnFEMI"
KEYS = {"access_key_id": "AKIA", "secret_access_key": SECRET}
PROVISIONED = {"billing_mode": "PROVISIONED", "read_capacity_units": 1, "write_capacity_units": 2}
CITY = {"attribute_name": "city", "path": "address.city"}
SCORE = {"attribute_name": "score", "attribute_type": "N", "key_type": "RANGE", "path": "score"}
CITY_AS_JSON = '[{"indexName": "by-city", "keys": [{"attributeName": "city", "path": "address.city"}]}]'


def index(*keys: dict[str, Any], name: str = "by-city") -> dict[str, Any]:
    return {"index_name": name, "keys": keys}


def config(**fields: Any) -> DynamoDbConfig:
    return DynamoDbConfig.model_validate({"table_name": "Users"} | fields)


def test_defaults() -> None:
    assert config().model_dump() == {
        "type": "dynamodb",
        "table_name": "Users",
        "aws_config": None,
        "create_table_on_init": True,
        "primary_key_column": None,
        "sort_key_column": None,
        "sort_key": None,
        "primary_key_prefix": "",
        "prefix_primary_key_with_platform": False,
        "billing_mode": "PAY_PER_REQUEST",
        "read_capacity_units": None,
        "write_capacity_units": None,
        "global_secondary_indexes": (),
        "layout": "jovo4",
        "attributes_column": None,
        "stored_elements": {
            "user": True, "session": False, "history": False, "created_at": True, "updated_at": True,
        },
        "on_conflict": "merge",
        "on_load_error": "raise",
        "empty_strings": "keep",
        "consistent_read": True,
        "implicit_save": True,
        "ttl": None,
        "conversations": None,
        "timeout_seconds": 4.0,
        "max_attempts": 3,
    }  # fmt: skip


VALID: list[dict[str, Any]] = [
    {"type": "embedded"},
    {"table_name": "a.b-C_9"},
    {"table_name": "x" * 255},
    {"conversations": {}},
    {"conversations": {"tableName": "Talks", "ttl": {"attribute": "expires", "afterSeconds": 60}}},
    {"table_name": "x" * 241, "conversations": {}},
    {"aws_config": {}},
    {"aws_config": KEYS},
    {"aws_config": KEYS | {"session_token": "t", "region": "eu-west-1", "endpoint_url": "http://localhost"}},
    {"aws_config": {"profile": "dev"}},
    {"sort_key_column": "kind", "sort_key": "user"},
    {"sort_key_column": "kind", "sort_key": "x" * 1024},
    {"primary_key_column": "é" * 127},
    {"primary_key_column": "data"},
    PROVISIONED,
    {"layout": "jovo3", "stored_elements": {"session": True, "history": True}},
    {"layout": "ask-sdk", "stored_elements": {"session": {"enabled": False}, "history": False}},
    {"ttl": {"attribute": "expiresAt", "after_seconds": 60}},
    {"global_secondary_indexes": [index(CITY)]},
    {"global_secondary_indexes": [index(CITY, SCORE)]},
    {"global_secondary_indexes": [
        index(CITY), index({"attribute_name": "x", "path": "x"}, CITY | {"key_type": "RANGE"}, name="by-x"),
    ]},
    {"timeout_seconds": 0.5, "max_attempts": 1},
]  # fmt: skip


@pytest.mark.parametrize("fields", VALID, ids=lambda fields: repr(fields)[:60])
def test_valid(fields: dict[str, Any]) -> None:
    made = config(**fields)
    assert read_config(made) is made
    assert pickle.loads(pickle.dumps(made)) == made


INVALID: list[tuple[dict[Any, Any], str]] = [
    ({"conversations": {"table_name": "Users"}}, "a separate table"),
    ({"conversations": {"ttl": {"attribute": "token", "after_seconds": 1}}}, "'token' is reserved"),
    ({"conversations": {"table": "Talks"}}, "Extra inputs"),
    ({"table_name": "x" * 242, "conversations": {}}, "set conversations.table_name"),
    ({"table_name": "ab"}, "3 to 255 characters"),
    ({"table_name": "x" * 256}, "3 to 255 characters"),
    ({"table_name": "my table"}, "3 to 255 characters"),
    ({"table_name": "Users\n"}, "3 to 255 characters"),
    ({"table_name": None}, "valid string"),
    ({"tabel_name": "Users"}, "tabel_name\n  Extra inputs"),
    ({"tablename": "Users"}, "tablename\n  Extra inputs"),
    ({"Table-Name": "Users"}, "Table-Name\n  Extra inputs"),
    ({"TABLE_NAME": "Users"}, "TABLE_NAME\n  Extra inputs"),
    ({"tableName": "Users"}, "table_name is given twice"),
    ({1: 2}, "1\n  Keys should be strings"),
    ({"type": "mongodb"}, "'dynamodb' or 'embedded'"),
    ({"type": "embedded", "aws_config": {}}, "remove aws_config"),
    ({"timeout_seconds": 901}, "less than or equal to 900"),
    ({"attributes_column": "mine"}, "attributes_column applies only to the layout 'ask-sdk'"),
    ({"layout": "ask-sdk", "attributes_column": ""}, "1 to 255 bytes"),
    ({"aws_config": {"access_key_id": "AKIA"}}, "go together"),
    ({"aws_config": {"secret_access_key": SECRET}}, "go together"),
    ({"aws_config": {"session_token": SECRET}}, "needs access_key_id"),
    ({"aws_config": KEYS | {"regoin": "eu-west-1"}}, r"aws_config\.regoin\n  Extra inputs"),
    ({"aws_config": KEYS | {"endpoint": "a", "endpoint_url": "b"}}, "endpoint_url is given twice"),
    ({"aws_config": SECRET}, r"aws_config\n  Input should be"),
    ({"primary_key_column": ""}, "1 to 255 bytes"),
    ({"primary_key_column": "é" * 128}, "1 to 255 bytes"),
    ({"primary_key_column": "_store"}, "library's bookkeeping"),
    ({"primary_key_column": "user"}, "'user' is reserved by the layout 'jovo4'"),
    ({"layout": "jovo1", "primary_key_column": "data"}, "'data' is reserved by the layout 'jovo1'"),
    ({"sort_key_column": "kind"}, "go together"),
    ({"sort_key": "user"}, "go together"),
    ({"sort_key_column": "kind", "sort_key": ""}, "at least 1 character"),
    ({"sort_key_column": "kind", "sort_key": "é" * 513}, "1024 bytes"),
    ({"sort_key_column": "userId", "sort_key": "x"}, "'userId' is used twice"),
    ({"sort_key_column": "updatedAt", "sort_key": "x"}, "'updatedAt' is reserved"),
    (PROVISIONED | {"read_capacity_units": None}, "PROVISIONED needs"),
    (PROVISIONED | {"billing_mode": "PAY_PER_REQUEST"}, "need billing_mode PROVISIONED"),
    (PROVISIONED | {"write_capacity_units": 0}, "greater than 0"),
    ({"layout": "jovo2"}, "'jovo4', 'jovo3', 'jovo1' or 'ask-sdk'"),
    ({"layout": "jovo1", "stored_elements": {"session": True}}, "'jovo1' cannot store this session"),
    ({"layout": "ask-sdk", "stored_elements": {"history": {"size": 1}}}, "cannot store this session or history"),
    ({"stored_elements": {"sesion": True}}, "sesion\n  Extra inputs"),
    ({"stored_elements": {"session": {"expires_after_seconds": 0}}}, "greater than 0"),
    ({"stored_elements": {"history": {"size": 0}}}, "greater than 0"),
    ({"stored_elements": {"history": {"inptu": True}}}, "'inptu' is not a built-in"),
    ({"stored_elements": {"history": {"inptu": False}}}, "'inptu' is not a built-in"),
    ({"stored_elements": {"history": {"own": 5}}}, "own"),
    ({"on_conflict": "ignore"}, "'merge', 'raise' or 'overwrite'"),
    ({"empty_strings": "drop"}, "'keep' or 'null'"),
    ({"ttl": {"attribute": "expiresAt"}}, "after_seconds\n  Field required"),
    ({"ttl": {"attribute": "expiresAt", "after_seconds": 0}}, "greater than 0"),
    ({"ttl": {"attribute": "userId", "after_seconds": 1}}, "'userId' is used twice"),
    ({"ttl": {"attribute": "session", "after_seconds": 1}}, "'session' is reserved"),
    ({"ttl": {"attribute": "_store", "after_seconds": 1}}, "library's bookkeeping"),
    ({"ttl": {"attribute": "city", "after_seconds": 1}, "global_secondary_indexes": [index(CITY)]},
     "'city' is used twice"),
    ({"global_secondary_indexes": [index(CITY | {"attribute_name": "userId"})]}, "'userId' is used twice"),
    ({"global_secondary_indexes": [index(CITY | {"attribute_name": "history"})]}, "'history' is reserved"),
    ({"global_secondary_indexes": [index(CITY), index(CITY)]}, "the same index_name"),
    ({"global_secondary_indexes": [index(CITY), index(CITY | {"path": "town"}, name="by-town")]},
     "'city' is used twice"),
    ({"global_secondary_indexes": [index(CITY), index(CITY | {"attribute_type": "N"}, name="by-town")]},
     "'city' is used twice"),
    ({"global_secondary_indexes": [index()]}, "at least 1 item"),
    ({"global_secondary_indexes": [index(CITY | {"key_type": "RANGE"})]}, "one HASH key"),
    ({"global_secondary_indexes": [index(CITY, {"attribute_name": "x", "path": "x"})]}, "one HASH key"),
    ({"global_secondary_indexes": [index(CITY | {"path": ""})]}, "at least 1 character"),
    ({"timeout_seconds": 0}, "greater than 0"),
    ({"timeout_seconds": float("inf")}, "finite number"),
    ({"timeout_seconds": float("nan")}, "finite number"),
    ({"max_attempts": 0}, "greater than 0"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "message"), INVALID, ids=lambda part: repr(part)[:60])
def test_invalid(fields: dict[Any, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        DynamoDbConfig.model_validate({"table_name": "Users"} | fields)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)


def test_camel_case() -> None:
    function = str
    jovo = {
        "tableName": "Users",
        "awsConfig": {
            "accessKeyId": "AKIA",
            "secretAccessKey": SECRET,
            "sessionToken": "t",
            "region": "eu-west-1",
            "endpoint": "http://localhost:8000",
        },
        "createTableOnInit": False,
        "primaryKeyColumn": "id",
        "sortKeyColumn": "kind",
        "sortKey": "user",
        "primaryKeyPrefix": "app-",
        "prefixPrimaryKeyWithPlatform": True,
        "billingMode": "PROVISIONED",
        "readCapacityUnits": 1,
        "writeCapacityUnits": 2,
        "globalSecondaryIndexes": [
            {
                "indexName": "by-city",
                "keySchema": [
                    {"attributeName": "city", "attributeType": "S", "keyType": "HASH", "path": "address.city"}
                ],
            }
        ],
        "storedElements": {
            "createdAt": False,
            "updatedAt": False,
            "session": {"expiresAfterSeconds": 60},
            "history": {"size": 5, "nlu": False, "myElement": function},
        },
        "onConflict": "raise",
        "emptyStrings": "null",
        "consistentRead": False,
        "implicitSave": False,
        "ttl": {"attribute": "expiresAt", "afterSeconds": 60},
        "timeoutSeconds": 2,
        "maxAttempts": 1,
    }
    assert read_config(jovo) == DynamoDbConfig(
        table_name="Users",
        aws_config=AwsConfig(
            access_key_id="AKIA",
            secret_access_key=SecretStr(SECRET),
            session_token=SecretStr("t"),
            region="eu-west-1",
            endpoint_url="http://localhost:8000",
        ),
        create_table_on_init=False,
        primary_key_column="id",
        sort_key_column="kind",
        sort_key="user",
        primary_key_prefix="app-",
        prefix_primary_key_with_platform=True,
        global_secondary_indexes=config(global_secondary_indexes=[index(CITY)]).global_secondary_indexes,
        stored_elements=config(
            stored_elements={
                "created_at": False,
                "updated_at": False,
                "session": {"expires_after_seconds": 60},
                "history": {"size": 5, "nlu": False, "myElement": function},
            }
        ).stored_elements,
        **PROVISIONED,
        on_conflict="raise",
        empty_strings="null",
        consistent_read=False,
        implicit_save=False,
        ttl=config(ttl={"attribute": "expiresAt", "after_seconds": 60}).ttl,
        timeout_seconds=2,
        max_attempts=1,
    )


def test_it_is_frozen() -> None:
    made = config()
    with pytest.raises(ValidationError, match="frozen"):
        made.table_name = "Other"  # type: ignore[misc]  # what is wrong is the test


def test_secrets_do_not_show() -> None:
    made = config(aws_config=KEYS | {"session_token": SECRET})
    assert made.aws_config is not None
    assert made.aws_config.secret_access_key == SecretStr(SECRET)
    for shown in (
        repr(made),
        str(made),
        made.model_dump_json(),
        repr(made.aws_config),
        str(made.model_dump()),
    ):
        assert SECRET not in shown
        assert "AKIA" in shown


KEY_SCHEMAS: list[tuple[dict[str, Any], tuple[tuple[str, str, str], ...]]] = [
    ({}, (("userId", "S", "HASH"),)),
    ({"layout": "jovo3"}, (("userId", "S", "HASH"),)),
    ({"layout": "jovo1"}, (("userId", "S", "HASH"),)),
    ({"layout": "ask-sdk"}, (("id", "S", "HASH"),)),
    ({"layout": "ask-sdk", "primary_key_column": "pk"}, (("pk", "S", "HASH"),)),
    (
        {"sort_key_column": "sk", "sort_key": "user"},
        (("userId", "S", "HASH"), ("sk", "S", "RANGE")),
    ),
]


@pytest.mark.parametrize(("fields", "schema"), KEY_SCHEMAS, ids=repr)
def test_key_schema(fields: dict[str, Any], schema: tuple[tuple[str, str, str], ...]) -> None:
    assert config(**fields).key_schema == schema
    assert config(**fields).primary_key == schema[0][0]


STORED: list[tuple[dict[str, Any], int | None, int | None]] = [
    ({}, None, None),
    ({"session": True, "history": True}, 900, 3),
    ({"session": {}, "history": {}}, 900, 3),
    ({"session": {"expires_after_seconds": 5}, "history": {"size": 1}}, 5, 1),
    ({"session": {"enabled": False}, "history": {"enabled": False, "size": 9}}, None, None),
]


@pytest.mark.parametrize(("elements", "seconds", "size"), STORED, ids=repr)
def test_stored_elements(elements: dict[str, Any], seconds: int | None, size: int | None) -> None:
    stored = config(stored_elements=elements).stored_elements
    session, history = stored.session_element, stored.history_elements
    assert (session and session.expires_after_seconds) == seconds
    assert (history and history.size) == size


HISTORIES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"output": True, "nlu": True}),
    ({"output": False, "request": True}, {"nlu": True, "request": True}),
    ({"nlu": len, "mine": str}, {"output": True, "nlu": len, "mine": str}),
]


@pytest.mark.parametrize(("fields", "elements"), HISTORIES, ids=repr)
def test_history_elements(fields: dict[str, Any], elements: dict[str, Any]) -> None:
    assert HistoryElements.model_validate(fields).elements == elements


READ: list[tuple[Any, DynamoDbConfig]] = [
    ("Users", config()),
    ({"table_name": "Users"}, config()),
    ({"tableName": "Users", "layout": "jovo3"}, config(layout="jovo3")),
    (MappingProxyType({"tableName": "Users"}), config()),
    ({"table_name": "Users", "aws_config": AwsConfig(region="x")}, config(aws_config={"region": "x"})),
]


@pytest.mark.parametrize(("given", "made"), READ, ids=repr)
def test_read_config(given: Any, made: DynamoDbConfig) -> None:
    assert read_config(given) == made


@pytest.mark.parametrize("given", ["", "no table", {}, None, 5, [("table_name", "Users")]], ids=repr)
def test_what_is_no_configuration(given: Any) -> None:
    with pytest.raises(ValidationError):
        read_config(given)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def test_settings_from_the_environment(env: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TABLE_NAME": "Users",
        "LAYOUT": "jovo3",
        "AWS_CONFIG__REGION": "eu-west-1",
        "AWS_CONFIG__ACCESS_KEY_ID": "AKIA",
        "AWS_CONFIG__SECRET_ACCESS_KEY": SECRET,
        "CREATE_TABLE_ON_INIT": "false",
        "STORED_ELEMENTS__SESSION": "true",
        "STORED_ELEMENTS__HISTORY__SIZE": "5",
        "GLOBAL_SECONDARY_INDEXES": CITY_AS_JSON,
        "TTL": '{"attribute": "expiresAt", "afterSeconds": 60}',
        "TIMEOUT_SECONDS": "1.5",
    }.items():
        env.setenv(f"VOICE_DB_{name}", value)
    env.setenv("VOICE_DBX_OF_ANOTHER", "x")
    settings = DynamoDbSettings()
    assert read_config(settings) is settings
    assert (
        settings.model_dump()
        == config(
            layout="jovo3",
            aws_config={"region": "eu-west-1"} | KEYS,
            create_table_on_init=False,
            stored_elements={"session": True, "history": {"size": 5}},
            global_secondary_indexes=[index(CITY)],
            ttl={"attribute": "expiresAt", "after_seconds": 60},
            timeout_seconds=1.5,
        ).model_dump()
    )
    assert SECRET not in f"{settings} {settings!r}"


def test_settings_from_a_file_with_other_keys_in_it(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "VOICE_DB_TABLE_NAME=FromFile\nVOICE_DB_LAYOUT=jovo1\nDJANGO_SECRET=x\nTABLE_NAME=Nobodys\n"
        "VOICE_DB_AWS_CONFIG__REGION=eu-west-1\n"
    )
    env.setenv("VOICE_DB_LAYOUT", "ask-sdk")
    settings = DynamoDbSettings()
    assert (
        settings.model_dump()
        == config(table_name="FromFile", layout="ask-sdk", aws_config={"region": "eu-west-1"}).model_dump()
    )


def test_arguments_win(env: pytest.MonkeyPatch) -> None:
    env.setenv("VOICE_DB_TABLE_NAME", "FromEnvironment")
    assert DynamoDbSettings(table_name="Users").table_name == "Users"


@pytest.mark.parametrize("name", ["TABEL_NAME", "AWS_CONFIG__SECRET"])
def test_a_typo_in_the_file(env: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / ".env").write_text(f"VOICE_DB_TABLE_NAME=Users\nVOICE_DB_{name}={SECRET}\n")
    with pytest.raises(ValidationError, match=r"\n  Extra inputs") as caught:
        DynamoDbSettings()
    assert SECRET not in str(caught.value)


def test_a_typo_in_the_environment(env: pytest.MonkeyPatch) -> None:
    env.setenv("VOICE_DB_TABLE_NAME", "Users")
    env.setenv("VOICE_DB_TABEL_NAME", SECRET)
    env.setenv("voice_db_aws__region", SECRET)
    with pytest.raises(
        ValidationError, match=r"there is no setting for VOICE_DB_TABEL_NAME, voice_db_aws__region: check"
    ) as caught:
        DynamoDbSettings()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("blank", [True, False])
def test_no_table_name(env: pytest.MonkeyPatch, blank: bool) -> None:
    if blank:
        env.setenv("VOICE_DB_TABLE_NAME", "")
    with pytest.raises(ValidationError, match=r"table_name\n.*no table is named: set VOICE_DB_TABLE_NAME"):
        DynamoDbSettings()


@pytest.mark.parametrize("name", ["REGION", "PROFILE", "ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"])
@pytest.mark.parametrize("value", ["", "  "])
def test_a_blank_variable(env: pytest.MonkeyPatch, name: str, value: str) -> None:
    env.setenv("VOICE_DB_TABLE_NAME", "Users")
    env.setenv(f"VOICE_DB_AWS_CONFIG__{name}", value)
    with pytest.raises(ValidationError, match=rf"aws_config.{name.lower()}\n.*it is blank"):
        DynamoDbSettings()


@pytest.mark.parametrize("field", sorted(AwsConfig.model_fields))
@pytest.mark.parametrize("value", ["AKIA\r\nx-injected: 1", "AKIA\n", "\tAKIA", "A\0B", "A\x7fB", " AKIA"])
def test_what_goes_onto_the_wire_holds_no_control_characters(field: str, value: str) -> None:
    with pytest.raises(ValidationError, match=rf"{field}\n.*control characters"):
        AwsConfig.model_validate({field: value})


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000", "https://dynamodb.eu-west-1.amazonaws.com", "http://[::1]:8000/",
        "http://dynamodb_local:8000", "https://vpce-1.dynamodb.eu-west-1.vpce.amazonaws.com/a",
    ],
)  # fmt: skip
def test_endpoints(url: str) -> None:
    assert AwsConfig(endpoint_url=url).endpoint_url == url


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000", "http://", "http://localhost:abc", "http://localhost:99999", "http://localhost:0",
        "ftp://localhost", "http://key:word@localhost", "http://localhost?a=b", "http://localhost#a",
        "http://local host", "http://[::1",
    ],
)  # fmt: skip
def test_what_is_no_endpoint(url: str) -> None:
    with pytest.raises(ValidationError, match="it is not an endpoint URL"):
        AwsConfig(endpoint_url=url)
