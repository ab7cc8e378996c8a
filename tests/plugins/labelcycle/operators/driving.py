"""An operator's tries as Airflow makes them: what is kept between them, the trigger made again from the database."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent


@dataclass
class Kept:
    """Airflow's task state store: JSON by key."""

    values: dict[str, str] = field(default_factory=dict)

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any) -> None:
        self.values[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


@dataclass
class Task:
    """A task instance over its tries: what it keeps, and its last XComs."""

    store: Kept = field(default_factory=Kept)
    xcoms: dict[str, Any] = field(default_factory=dict)

    @property
    def context(self) -> dict[str, Any]:
        return {"ti": self, "task_state_store": self.store}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value

    def run(self, operator: BaseOperator) -> Any:
        """One try to its end, in the trigger or in the operator; the return value."""
        try:
            return operator.execute(self.context)
        except TaskDeferred as deferred:
            return self.go_on(operator, deferred)

    def go_on(self, operator: BaseOperator, deferred: TaskDeferred) -> Any:
        """From a deferral to the try's end."""
        while True:
            event = asyncio.run(asyncio.wait_for(_first_event(made_again(deferred.trigger)), 30))
            if isinstance(event, TaskSuccessEvent):
                return event.xcoms["return_value"]
            try:
                return self.resume(operator, deferred, event.payload)
            except TaskDeferred as again:
                deferred = again

    def resume(self, operator: BaseOperator, deferred: TaskDeferred, event: Mapping[str, Any]) -> Any:
        """Call the operator as Airflow does after an event."""
        assert not deferred.kwargs  # dag.test() would drop them
        return getattr(operator, deferred.method_name)(self.context, event=json.loads(json.dumps(event)))

    def deferral(self, operator: BaseOperator) -> TaskDeferred:
        """One try up to its deferral; a try that is killed then has come this far."""
        with pytest.raises(TaskDeferred) as raised:
            operator.execute(self.context)
        return raised.value


def made_again(trigger: BaseTrigger) -> BaseTrigger:
    """The trigger as a triggerer makes it: from the path and the JSON that lie in the database."""
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    again: BaseTrigger = getattr(import_module(module), name)(**json.loads(json.dumps(arguments)))
    return again


async def _first_event(trigger: BaseTrigger) -> TriggerEvent:
    async for event in trigger.run():
        return event
    raise AssertionError("the trigger ended without an event")
