-- Whether she manages her unit. Only a member can: nobody is staff and a manager.
ALTER TABLE accounts ADD COLUMN manages_unit BIGINT NOT NULL DEFAULT 0 CHECK (manages_unit = 0 OR (manages_unit = 1 AND role = 'member'));
