"""CloudFormation and Terraform templates of the configured tables and of a role that may use them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from async_dynamo_store.dynamodb.definition import conversations_table, users_table
from async_dynamo_store.dynamodb.policy import iam_policy

from .json_text import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from async_dynamo_store.config import DynamoDbConfig
    from async_dynamo_store.dynamodb.definition import TableDefinition

_AWS_OWN_KEY = "aws"


@dataclass(frozen=True, slots=True)
class TableOptions:
    """The options of a table that are not part of the configuration.

    `kms_key` is a key of AWS KMS, or `aws` for the AWS managed key.
    """

    point_in_time_recovery: bool = False
    deletion_protection: bool = False
    kms_key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    table_class: str | None = None

    def parameters(self) -> dict[str, Any]:
        """The options as parameters of CreateTable."""
        made: dict[str, Any] = {}
        if self.deletion_protection:
            made["DeletionProtectionEnabled"] = True
        if self.kms_key:
            made["SSESpecification"] = {"SSEType": "KMS", "Enabled": True, **self._key("KMSMasterKeyId")}
        if self.tags:
            made["Tags"] = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        if self.table_class:
            made["TableClass"] = self.table_class
        return made

    def _key(self, name: str) -> dict[str, str]:
        return {name: self.kms_key} if self.kms_key and self.kms_key != _AWS_OWN_KEY else {}

    def for_terraform(self) -> dict[str, Any]:
        """The options as arguments of `aws_dynamodb_table`."""
        made: dict[str, Any] = {}
        if self.point_in_time_recovery:
            made["point_in_time_recovery"] = {"enabled": True}
        if self.deletion_protection:
            made["deletion_protection_enabled"] = True
        if self.kms_key:
            made["server_side_encryption"] = {"enabled": True, **self._key("kms_key_arn")}
        if self.tags:
            made["tags"] = {_literal(key): _literal(value) for key, value in self.tags.items()}
        if self.table_class:
            made["table_class"] = self.table_class
        return made


def tables_of(config: DynamoDbConfig) -> Iterator[tuple[str, TableDefinition]]:
    """The tables of a configuration, each with its name in a template."""
    yield "Users", users_table(config)
    if config.conversations:
        yield "Conversations", conversations_table(config)


def cloudformation(config: DynamoDbConfig, options: TableOptions) -> str:
    """A CloudFormation template, as JSON."""
    resources: dict[str, Any] = {
        f"{name}Table": {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": _properties(table, options),
        }
        for name, table in tables_of(config)
    }
    resources["Role"] = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": _trust(),
            "Policies": [
                {"PolicyName": "UserStore", "PolicyDocument": _policy(config, _cloudformation_reference)}
            ],
        },
    }
    return json_text({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources})


def terraform(config: DynamoDbConfig, options: TableOptions) -> str:
    """A Terraform configuration in its JSON syntax, for a file that ends in `.tf.json`."""
    tables = {name.lower(): _arguments(table, options) for name, table in tables_of(config)}
    policy = json_text(_policy(config, _terraform_reference), indent=False)
    return json_text(
        {
            "resource": {
                "aws_dynamodb_table": tables,
                "aws_iam_role": {"user_store": {"assume_role_policy": json_text(_trust(), indent=False)}},
                "aws_iam_role_policy": {
                    "user_store": {"role": "${aws_iam_role.user_store.id}", "policy": policy}
                },
            }
        }
    )


def _properties(table: TableDefinition, options: TableOptions) -> dict[str, Any]:
    made = table.create_table() | options.parameters()
    if "SSESpecification" in made:
        made["SSESpecification"] = {
            {"Enabled": "SSEEnabled"}.get(name, name): value
            for name, value in made["SSESpecification"].items()
        }
    if options.point_in_time_recovery:
        made["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": True}
    if table.ttl_attribute:
        made["TimeToLiveSpecification"] = {"AttributeName": table.ttl_attribute, "Enabled": True}
    return made


def _arguments(table: TableDefinition, options: TableOptions) -> dict[str, Any]:
    asked = table.create_table()
    made: dict[str, Any] = {
        "name": table.name,
        "billing_mode": table.billing_mode,
        **_capacity(table),
        **_keys(asked["KeySchema"]),
        "attribute": [
            {"name": each["AttributeName"], "type": each["AttributeType"]}
            for each in asked["AttributeDefinitions"]
        ],
    }
    if table.indexes:
        made["global_secondary_index"] = [
            {
                "name": each["IndexName"],
                **_keys(each["KeySchema"]),
                "projection_type": "ALL",
                **_capacity(table),
            }
            for each in asked["GlobalSecondaryIndexes"]
        ]
    if table.ttl_attribute:
        made["ttl"] = {"attribute_name": table.ttl_attribute, "enabled": True}
    return made | options.for_terraform()


def _capacity(table: TableDefinition) -> dict[str, Any]:
    if table.billing_mode != "PROVISIONED":
        return {}
    return {"read_capacity": table.read_capacity_units, "write_capacity": table.write_capacity_units}


def _keys(schema: list[dict[str, str]]) -> dict[str, str]:
    names = {"HASH": "hash_key", "RANGE": "range_key"}
    return {names[key["KeyType"]]: key["AttributeName"] for key in schema}


def _trust() -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }


def _policy(config: DynamoDbConfig, reference: Any) -> dict[str, Any]:
    """The policy for existing tables. Each resource refers to a table of the same template."""
    policy = iam_policy(config.model_copy(update={"create_table_on_init": False}))
    names = {table.name: name for name, table in tables_of(config)}
    for statement in policy["Statement"]:
        table, _, rest = statement["Resource"].partition(":table/")[2].partition("/")
        statement["Resource"] = reference(names[table], f"/{rest}" if rest else "")
    return policy


def _cloudformation_reference(name: str, rest: str) -> dict[str, Any]:
    return {"Fn::Sub": f"${{{name}Table.Arn}}{rest}"} if rest else {"Fn::GetAtt": [f"{name}Table", "Arn"]}


def _terraform_reference(name: str, rest: str) -> str:
    return f"${{aws_dynamodb_table.{name.lower()}.arn}}{rest}"


def _literal(text: str) -> str:
    """The text, escaped so that Terraform replaces nothing in it."""
    return text.replace("${", "$${").replace("%{", "%%{")
