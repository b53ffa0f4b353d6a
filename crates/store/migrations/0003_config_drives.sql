-- Config drives are kept outside of the database, and made anew when an instance changes.

-- What is asked about every instance with a kept drive, several times a second: answered by the
-- index alone, without reading rows, which may be long.
CREATE INDEX instances_revision ON instances (id, revision, power_state);

-- Instances that are gone, and whose config drive may still be kept.
CREATE TABLE abandoned_config_drives (
    instance_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
