-- A database as the first version of the tables left it.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE bindings (
	node VARCHAR(255) NOT NULL, 
	aor TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	contact TEXT NOT NULL, 
	reg_id BIGINT NOT NULL, 
	instance TEXT NOT NULL, 
	expires DOUBLE NOT NULL, 
	since DOUBLE NOT NULL, 
	q INTEGER NOT NULL, 
	call_id TEXT NOT NULL, 
	cseq BIGINT NOT NULL, 
	transport VARCHAR(8) NOT NULL, 
	local TEXT NOT NULL, 
	remote TEXT NOT NULL, 
	path TEXT NOT NULL, 
	params TEXT NOT NULL, 
	user_agent TEXT NOT NULL, 
	extra TEXT NOT NULL, 
	PRIMARY KEY (node, aor, position)
);
INSERT INTO "bindings" VALUES('','101@pbx.example.com',0,'sip:101@192.0.2.101:5062',0,'urn:uuid:1',1700000000.25,1690000000.5,1000,'1@phone',7,'UDP','192.0.2.1 5060','192.0.2.101 5062','','','Yealink SIP-T46S','');
CREATE TABLE records (
	id VARCHAR(255) NOT NULL, 
	node VARCHAR(255) NOT NULL, 
	caller TEXT NOT NULL, 
	dialled TEXT NOT NULL, 
	started DOUBLE NOT NULL, 
	answered DOUBLE, 
	ended DOUBLE, 
	status INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	hung_up_by TEXT NOT NULL, 
	features TEXT NOT NULL, 
	legs TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "records" VALUES('call-1','','extension 101','102',1000.0,1001.5,1060.25,200,'','extension 102','["forward"]','[["leg-1", "extension 101", true, 1000.0, 1001.5, 1060.25, "bye", "1@phone"]]');
CREATE TABLE settings (
	owner TEXT NOT NULL, 
	feature TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (owner, feature, "key")
);
INSERT INTO "settings" VALUES('101','forward','busy','"103"');
CREATE TABLE snapshots (
	node VARCHAR(255) NOT NULL, 
	call VARCHAR(255) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (node, call)
);
CREATE INDEX records_started ON records (started);
CREATE INDEX records_ended ON records (ended);
COMMIT;
