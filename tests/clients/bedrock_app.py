"""An application that uses Amazon's SDK for Bedrock as its documentation says. See common.py."""

import json

import boto3
from botocore.exceptions import ClientError

from common import run, say

client = boto3.client("bedrock-runtime")
MODEL = "anthropic.claude-lab-1"


def request(wanted):
    return {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": wanted["prompt"]}]}]}


def converse(wanted):
    answer = client.converse(**request(wanted))
    say("answer", text=answer["output"]["message"]["content"][0]["text"])


def converse_stream(wanted):
    for event in client.converse_stream(**request(wanted))["stream"]:
        if "contentBlockDelta" in event:
            say("token", text=event["contentBlockDelta"]["delta"]["text"])


def body(wanted):
    return json.dumps(
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 64,
            "messages": [{"role": "user", "content": wanted["prompt"]}],
        }
    )


def invoke(wanted):
    answer = client.invoke_model(modelId=MODEL, body=body(wanted))
    say("answer", text=json.loads(answer["body"].read())["content"][0]["text"])


def invoke_stream(wanted):
    answer = client.invoke_model_with_response_stream(modelId=MODEL, body=body(wanted))
    for event in answer["body"]:
        chunk = json.loads(event["chunk"]["bytes"])
        if chunk["type"] == "content_block_delta":
            say("token", text=chunk["delta"]["text"])


def told(error):
    """Amazon's exceptions as data. One that ends a stream has no metadata."""
    meta = error.response.get("ResponseMetadata", {})
    return {
        "class": type(error).__name__,
        "status": meta.get("HTTPStatusCode"),
        "code": error.response["Error"]["Code"],
        "message": error.response["Error"]["Message"],
        "request_id": meta.get("RequestId"),
        "retries": meta.get("RetryAttempts"),
    }


steps = (converse, converse_stream, invoke, invoke_stream)
run(ClientError, {f.__name__: f for f in steps}, told)
