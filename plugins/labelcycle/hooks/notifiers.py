"""Who is told of alarms: Slack, any URL that takes JSON, e-mail; through Airflow's notifiers."""

import logging
import smtplib
from collections.abc import Callable, Mapping
from email.errors import MessageError
from functools import partial
from html import escape
from typing import Any

from airflow.sdk import BaseHook, BaseNotifier, Connection, Context
from airflow.sdk.exceptions import AirflowException

from include.lifecycle.alarms import Message
from include.projects.alarms import Channel
from include.projects.model import Project
from labelcycle.hooks.fields import WrongConnection, address_of

_SLACK = "https://hooks.slack.com/services"
_SECONDS = 10


class WebhookNotifier(BaseNotifier):
    """Send JSON to a URL, as of any DAG's `on_failure_callback`.

    The connection's host is the URL; its password, if there is one, goes along as a bearer token. With `slack` the
    password is what ends the URL of one of Slack's webhooks: T…/B…/…

    :param conn_id: the connection, of any type.
    :param content: what is sent (templated); Slack and its likes take `{"text": …}`.
    """

    template_fields = ("content",)

    def __init__(self, conn_id: str, content: Mapping[str, Any], *, slack: bool = False) -> None:
        super().__init__()
        self.conn_id, self.content, self.slack = conn_id, content, slack

    def notify(self, context: Context) -> None:
        """Send it. Raises AirflowException where it is not taken; what it says holds no part of the URL."""
        import httpx

        logging.getLogger("httpx").setLevel(logging.WARNING)  # it has a line for every request, with the URL
        connection = BaseHook.get_connection(self.conn_id)
        url, headers = _slack(connection) if self.slack else _plain(connection)
        try:
            answer = httpx.post(url, json=dict(self.content), headers=headers, timeout=_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = type(error).__name__
            raise AirflowException(f"connection {self.conn_id!r}: its URL does not answer: {reason}") from None
        if not answer.is_success:
            raise AirflowException(f"connection {self.conn_id!r}: its URL answers {answer.status_code}")


def channels_of(project: Project) -> dict[str, Callable[[Message], None]]:
    """What tells each of a project's channels, by the channel's name. They raise NotSentError."""
    return {channel.name: partial(_send, channel) for channel in project.alarms.notify}


def _send(channel: Channel, message: Message) -> None:
    from include.steps.notices import NotSentError

    try:
        _notifier(channel, message).notify({})
    except (AirflowException, WrongConnection, smtplib.SMTPException, MessageError, OSError, ValueError) as error:
        raise NotSentError(str(error) or type(error).__name__) from None


def _notifier(channel: Channel, message: Message) -> BaseNotifier:
    if channel.slack:
        text = message.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return WebhookNotifier(channel.slack, {"text": text}, slack=True)
    if channel.webhook:
        return WebhookNotifier(channel.webhook, _content(message))
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    return SmtpNotifier(to=list(channel.email), subject=message.subject, html_content=_page(message))


def _content(message: Message) -> dict[str, Any]:
    alarm = message.alarm
    return {
        "text": message.text,
        "key": message.key,
        "project": message.project,
        "event": message.event.value,
        "severity": alarm.finding.severity.value,
        "cause": alarm.finding.cause,
        "what": message.what,
        "since": alarm.opened_at.isoformat(),
        "until": alarm.resolved_at.isoformat() if alarm.resolved_at else None,
        "annotator": alarm.finding.detail.annotator,
        "label": alarm.finding.detail.label,
        "images": [{"id": image.id, "name": image.name, "url": image.url} for image in message.images],
        "url": message.url,
    }


def _page(message: Message) -> str:
    """The lines of the text, with its addresses as links."""
    text = escape(message.text).replace("\n", "<br>\n")
    for url in dict.fromkeys([*(image.url for image in message.images), message.url]):
        text = text.replace(escape(url), f'<a href="{escape(url)}">{escape(url)}</a>')
    return f"<p>{text}</p>"


def _plain(connection: Connection) -> tuple[str, dict[str, str]]:
    url = address_of(connection, "the URL that takes the messages", ("http", "https"))
    return url, {"Authorization": f"Bearer {connection.password}"} if connection.password else {}


def _slack(connection: Connection) -> tuple[str, dict[str, str]]:
    if not connection.password:
        raise WrongConnection(connection.conn_id, "needs a password: the end of the webhook's URL, T…/B…/…")
    host = address_of(connection, _SLACK, ("http", "https")) if connection.host else _SLACK
    return f"{host.rstrip('/')}/{connection.password}", {}
