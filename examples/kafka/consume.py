#!/usr/bin/env python3
"""Prints what Rialto publishes on Kafka, each event once, as JSON lines.

An example of another program that reads the topics. It needs nothing of Rialto but schemas/events.proto:

    python3 -m venv venv && venv/bin/pip install -r examples/kafka/requirements.txt
    venv/bin/python examples/kafka/consume.py --brokers 127.0.0.1:7462 --event OrderExecuted

With --group it goes on where the last one of that group stopped: what is printed is committed afterwards, so after a crash
some events come again, and `Seen` can only tell that within one run. A program that must not do a thing twice keeps the
place of the last event it has handled, of every partition and shard, together with what it has done.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from google.protobuf.json_format import MessageToDict
from grpc_tools import protoc

SERVICES = ("trading", "settlement", "risk", "compliance")
SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


def event_type():
    """The message type of the schema, compiled here and now."""
    with tempfile.TemporaryDirectory() as directory:
        if protoc.main(["protoc", f"-I{SCHEMAS}", f"--python_out={directory}", "events.proto"]) != 0:
            sys.exit("consume.py: schemas/events.proto cannot be compiled")
        sys.path.insert(0, directory)
        import events_pb2

        return events_pb2.Event


class Seen:
    """Tells events that come again: in a partition those of one shard are in order."""

    def __init__(self):
        self.last = {}

    def is_new(self, message, event):
        stream, place = (message.topic(), message.partition(), event.shard), (event.position, event.index)
        if place <= self.last.get(stream, (0, -1)):
            return False
        self.last[stream] = place
        return True


def main():
    parser = argparse.ArgumentParser(description="Prints what Rialto publishes on Kafka, as JSON lines.")
    parser.add_argument("--brokers", required=True, help="some of the brokers, as host:port with commas between")
    parser.add_argument("--service", choices=SERVICES, action="append", help="only those of a service")
    parser.add_argument("--event", help="only those of that name, such as OrderExecuted")
    parser.add_argument("--group", help="go on where the last one of this consumer group stopped")
    parser.add_argument("--follow", action="store_true", help="wait for what comes, and do not end")
    options = parser.parse_args()

    event_of, seen = event_type(), Seen()
    consumer = Consumer({
        "bootstrap.servers": options.brokers,
        "group.id": options.group or "rialto-example",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    })
    topics = [f"{service}-events" for service in options.service or SERVICES]
    unread = set()
    for topic in topics:
        described = consumer.list_topics(topic, timeout=10).topics[topic]
        if described.error is not None:
            sys.exit(f"consume.py: {topic}: {described.error.str()}")
        unread.update((topic, partition) for partition in described.partitions)
    if options.group:
        consumer.subscribe(topics)
    else:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in unread])

    while options.follow or unread:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                print(f"consume.py: {message.error()}", file=sys.stderr)
                continue
            unread.discard((message.topic(), message.partition()))
            continue
        name = dict(message.headers())["rialto-event"].decode()
        event = event_of.FromString(message.value())
        if seen.is_new(message, event) and options.event in (None, name):
            told = MessageToDict(event, preserving_proto_field_name=True)
            print(json.dumps({"topic": message.topic(), "partition": message.partition(), "event": name, **told}))
        if options.group:
            consumer.commit(message, asynchronous=True)
    consumer.close()


if __name__ == "__main__":
    main()
