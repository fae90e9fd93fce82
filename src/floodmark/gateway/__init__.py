"""HTTP in: webhooks of other systems, checked and written to Kafka as they came. What they mean is decoded later.

A body is proven by what its sender signed or shows, written whole to the topic of its source with acks=all, and only
then answered with 2xx. Nothing of it is read here, so a decoder's mistake loses nothing, and a replay sees what came.

    service.py       `serve`: the address, the producer, the config as it changes, a stop
    server.py        one request, from the path to the answer
    signatures.py    whether a request proves who sent it (pure)
    kinds.py         what each kind of sender needs to be told, and what of its headers is handed on
    once.py          what is sent again is written once
    rates.py         how many requests of a source are taken
    greetings.py     requests that only ask whether somebody is there
    remote_write.py  what Prometheus wants to be told of remote write 2.0
    post.py          bodies to Kafka
    telemetry.py     what is counted

It must never look at what a body says beyond that, and never log a body, a header's value or a secret.
"""
