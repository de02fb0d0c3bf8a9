"""An application that uses the official OpenAI SDK as its documentation says. See common.py."""

import openai

from common import Retries, run, say

client = openai.OpenAI()


def messages(wanted):
    return [{"role": "user", "content": wanted["prompt"]}]


def chat(wanted):
    answer = client.chat.completions.create(model="lab-1", messages=messages(wanted))
    say("answer", text=answer.choices[0].message.content)


def chat_stream(wanted):
    for chunk in client.chat.completions.create(model="lab-1", messages=messages(wanted), stream=True):
        if chunk.choices and chunk.choices[0].delta.content:
            say("token", text=chunk.choices[0].delta.content)


def responses(wanted):
    answer = client.responses.create(model="lab-1", input=wanted["prompt"])
    say("answer", text=answer.output_text)


def responses_stream(wanted):
    for event in client.responses.create(model="lab-1", input=wanted["prompt"], stream=True):
        if event.type == "response.output_text.delta":
            say("token", text=event.delta)
        elif event.type == "response.completed":
            say("answer", text=event.response.output_text)


def embeddings(wanted):
    answer = client.embeddings.create(model="lab-embed-1", input=wanted["prompt"], encoding_format="float")
    say("answer", text=str(answer.data[0].embedding))


steps = (chat, chat_stream, responses, responses_stream, embeddings)
run(openai.APIError, {f.__name__: f for f in steps}, retries=Retries("openai"))
