"""An application that uses the official Anthropic SDK as its documentation says. See common.py."""

import anthropic

from common import Retries, run, say

client = anthropic.Anthropic()


def request(wanted):
    return {
        "model": "lab-1",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": wanted["prompt"]}],
    }


def messages(wanted):
    answer = client.messages.create(**request(wanted))
    say("answer", text=answer.content[0].text)


def messages_stream(wanted):
    with client.messages.stream(**request(wanted)) as stream:
        for text in stream.text_stream:
            say("token", text=text)
        say("answer", text=stream.get_final_text())


steps = (messages, messages_stream)
run(anthropic.APIError, {f.__name__: f for f in steps}, retries=Retries("anthropic"))
