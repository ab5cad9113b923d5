-- migration: 0011 leases
-- purpose: Trials that workers take for a limited time: when the time ends, and the number of the claim, which tells an
-- purpose: old holder's writes from the present one's. And which call made, or took, a trial: a call whose answer was
-- purpose: lost on the way is made again, and finds out so what the first one did.
-- serves_from: 0010
-- transaction: off
-- locks: SHARED_UPGRADABLE on trial stops nobody; changes the definition; at once.
-- destructive: no

ALTER TABLE trial
ADD COLUMN lease_ends DATETIME(6),
ADD COLUMN lease_fence INTEGER,
ADD COLUMN creation_id VARCHAR(16),
ADD COLUMN claim_id VARCHAR(16),
ALGORITHM = INSTANT;
