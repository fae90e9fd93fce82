-- The console's view of the topics. It can be deleted: it is read again from the topics.
CREATE TABLE place(topic TEXT, partition INTEGER, offset INTEGER NOT NULL, at REAL NOT NULL, PRIMARY KEY(topic, partition)) WITHOUT ROWID;
CREATE TABLE fact(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE incident(
  id TEXT PRIMARY KEY, scope TEXT NOT NULL, revision INTEGER NOT NULL, severity INTEGER NOT NULL, title TEXT NOT NULL,
  event TEXT NOT NULL, started REAL NOT NULL, updated REAL NOT NULL, ended REAL, entities TEXT NOT NULL, first TEXT NOT NULL,
  told TEXT NOT NULL, merged TEXT, meant BLOB NOT NULL, body BLOB,
  state TEXT NOT NULL, grp TEXT NOT NULL, until REAL, owner TEXT NOT NULL, woke TEXT NOT NULL, priority TEXT NOT NULL) WITHOUT ROWID;
-- All that lists filter by, so that they need not go through the bodies.
CREATE INDEX incident_by_time ON incident(started DESC, id, grp, severity, updated, ended, scope, owner);
CREATE INDEX incident_by_group ON incident(grp, severity DESC, updated DESC, id);
CREATE INDEX incident_lapsing ON incident(until) WHERE until IS NOT NULL;
CREATE TABLE revision(incident TEXT, revision INTEGER, event TEXT NOT NULL, severity INTEGER NOT NULL, entities INTEGER NOT NULL,
  at REAL NOT NULL, body BLOB, PRIMARY KEY(incident, revision)) WITHOUT ROWID;
CREATE TABLE affected(entity TEXT, incident TEXT, PRIMARY KEY(entity, incident)) WITHOUT ROWID;
CREATE INDEX affected_by_incident ON affected(incident);
CREATE TABLE member(anomaly TEXT, incident TEXT, revision INTEGER NOT NULL, PRIMARY KEY(anomaly, incident)) WITHOUT ROWID;
CREATE INDEX member_by_incident ON member(incident);

CREATE TABLE anomaly(
  id TEXT PRIMARY KEY, scope TEXT NOT NULL, entity TEXT NOT NULL, signal TEXT NOT NULL, series TEXT NOT NULL, head TEXT NOT NULL,
  severity INTEGER NOT NULL, started REAL NOT NULL, updated REAL NOT NULL, ended REAL, p REAL NOT NULL, event TEXT NOT NULL,
  model TEXT NOT NULL, rolled INTEGER NOT NULL, body BLOB, points BLOB) WITHOUT ROWID;
CREATE INDEX anomaly_by_time ON anomaly(started DESC, id, signal, head, p, entity, model);
CREATE INDEX anomaly_by_entity ON anomaly(entity, started DESC, id, signal, head, p);
CREATE INDEX anomaly_by_series ON anomaly(series, started DESC, id);
CREATE INDEX anomaly_by_age ON anomaly(updated);
CREATE INDEX anomaly_by_model ON anomaly(model, started DESC) WHERE model <> '';
-- In buckets of three widths (in steps of ten minutes), so that a long range has few rows.
CREATE TABLE heat(width INTEGER, bucket INTEGER, entity TEXT, severity INTEGER NOT NULL, began INTEGER NOT NULL,
  going INTEGER NOT NULL, PRIMARY KEY(width, bucket, entity)) WITHOUT ROWID;
CREATE TABLE heat_series(entity TEXT, bucket INTEGER, series TEXT, severity INTEGER NOT NULL, began INTEGER NOT NULL,
  going INTEGER NOT NULL, PRIMARY KEY(entity, bucket, series)) WITHOUT ROWID;
CREATE TABLE water(bucket INTEGER, severity INTEGER, began INTEGER NOT NULL, PRIMARY KEY(bucket, severity)) WITHOUT ROWID;
CREATE TABLE alarms(day INTEGER, head TEXT, began INTEGER NOT NULL, PRIMARY KEY(day, head)) WITHOUT ROWID;

CREATE TABLE change(id TEXT PRIMARY KEY, at REAL NOT NULL, service TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX change_by_time ON change(at DESC, id);
CREATE TABLE edge(caller TEXT, callee TEXT, at REAL NOT NULL, PRIMARY KEY(caller, callee)) WITHOUT ROWID;
CREATE TABLE reached(task TEXT PRIMARY KEY, at REAL NOT NULL, tasks INTEGER NOT NULL, idle INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE action(number INTEGER PRIMARY KEY, partition INTEGER NOT NULL, offset INTEGER NOT NULL, id TEXT NOT NULL UNIQUE,
  incident TEXT NOT NULL, verb TEXT NOT NULL, by TEXT NOT NULL, at REAL NOT NULL, body BLOB NOT NULL);
CREATE INDEX action_by_incident ON action(incident, offset);
CREATE INDEX action_by_time ON action(at DESC, id);
CREATE INDEX action_by_person ON action(by, at DESC, id);
CREATE INDEX action_by_verb ON action(verb, at DESC);
CREATE TABLE outcome(action TEXT PRIMARY KEY, incident TEXT NOT NULL, result TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX outcome_by_incident ON outcome(incident);
CREATE TABLE refusal(id TEXT PRIMARY KEY, at REAL NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE verdict(id TEXT PRIMARY KEY, at REAL NOT NULL, series TEXT NOT NULL, undoes TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX verdict_by_series ON verdict(series);
CREATE INDEX verdict_undoing ON verdict(undoes) WHERE undoes <> '';
CREATE TABLE judged(anomaly TEXT PRIMARY KEY, at REAL NOT NULL, verb TEXT NOT NULL, by TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE delivery(incident TEXT, target TEXT, id TEXT, at REAL NOT NULL, result TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(incident, target)) WITHOUT ROWID;
CREATE INDEX delivery_by_time ON delivery(at DESC);
CREATE TABLE report(model TEXT, version TEXT, at REAL, body BLOB NOT NULL, PRIMARY KEY(model, version, at)) WITHOUT ROWID;
CREATE TABLE request(id TEXT PRIMARY KEY, model TEXT NOT NULL, at REAL NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE config(process TEXT, at REAL, body BLOB NOT NULL, PRIMARY KEY(process, at)) WITHOUT ROWID;
CREATE TABLE letter(partition INTEGER, offset INTEGER, at REAL NOT NULL, error TEXT NOT NULL, origin TEXT NOT NULL, stage TEXT NOT NULL,
  message TEXT NOT NULL, PRIMARY KEY(partition, offset)) WITHOUT ROWID;
CREATE INDEX letter_by_error ON letter(error, origin, at);
CREATE TABLE wrong(topic TEXT, partition INTEGER, offset INTEGER, reason TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY(topic, partition, offset)) WITHOUT ROWID;
CREATE TABLE live(sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL);
-- Anomalies have an index of their own: they are so many that every other word would be slow among them.
CREATE VIRTUAL TABLE search USING fts5(kind, id UNINDEXED, text, prefix = '3', tokenize = "unicode61 tokenchars '_-'");
CREATE VIRTUAL TABLE search_anomaly USING fts5(kind, id UNINDEXED, text, prefix = '3', tokenize = "unicode61 tokenchars '_-'");
