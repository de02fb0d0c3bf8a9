"""An application that uses Google's SDK for Gemini as its documentation says. See common.py."""

from google import genai
from google.genai import errors

from common import run, say

client = genai.Client()
MODEL = "gemini-lab-1"


def generate(wanted):
    say("answer", text=client.models.generate_content(model=MODEL, contents=wanted["prompt"]).text)


def generate_stream(wanted):
    for chunk in client.models.generate_content_stream(model=MODEL, contents=wanted["prompt"]):
        say("token", text=chunk.text)


def told(error):
    return {
        "class": type(error).__name__,
        "status": error.code,
        "code": error.status,
        "message": error.message,
    }


run(errors.APIError, {f.__name__: f for f in (generate, generate_stream)}, told)
