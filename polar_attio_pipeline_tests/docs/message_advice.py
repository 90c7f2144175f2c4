"""What to do about messages that do not say it themselves, and what is worth adding to those that do.

The keys are the texts of `message_sources.sources()`; a test names each that no message has any more.
"""

from polar_attio_pipeline.sync.outcomes import Reason

_NEW_PLAN = "Nothing was written. Make a new plan with `polar-attio plan --out FILE`."
_NEWER = "Look for a newer version of this pipeline, or report it."
_BY_ITSELF = "Nothing: the next pass tries again."
_READ_DOCTOR = "`polar-attio doctor` says what is wrong."
_IN_DEFS = "Correct that key in the component's defs.yaml ([host-project.md](host-project.md))."
_ANOTHER_BACKUP = "Name another backup; where the ledger itself is meant, restore its newest backup."
_IN_DAGSTER = "Open the run that it links to: the last error in its log says what to do."

ADVICE = {
    # Attio
    "Attio does not accept ATTIO_API_KEY (… on …): set a valid key, from Workspace settings, Developers.": (
        "A revoked key cannot come back. Restart Dagster after a change of `.env`."
    ),
    "Attio forbids this to ATTIO_API_KEY (… on …): give the key the scopes record_permission:read-write and "
    "object_configuration:read under Workspace settings, Developers.": "Scopes of a key can be edited in Attio.",
    "Attio's … attribute … is read-only: ….": "Set `ATTIO_SLUG__` and its key to the slug of another attribute.",
    "… is not written, because its options cannot be listed: …": (
        "Nothing, if it passes; otherwise report Attio's words."
    ),
    "Attio requires the … attribute …, which the sync does not write: new … will be refused until it is optional.": (
        "Make the attribute optional in Attio."
    ),
    "… is of type …, not …: …": (
        "The type of an attribute cannot be changed: give it another slug by the setting that is named, then run "
        "`polar-attio setup`."
    ),
    "… takes several values, of which an update would remove none: …": (
        "Give it another slug by the setting that is named, then run `polar-attio setup`."
    ),
    "Attio finds the search too complex (… on …).": "Nothing: smaller searches are tried at once.",
    "One of the addresses cannot be read, and a list of addresses can be written as a whole only.": (
        "The undo left this person's addresses as they are: correct them in Attio by hand."
    ),
    # Polar
    "Polar does not accept the token (… on …): set POLAR_ACCESS_TOKEN to a live organization access token of the same "
    "environment as …, since those of its sandbox and of production differ.": (
        "It is mistyped, expired or revoked, or belongs to Polar's sandbox, which needs "
        "`POLAR_API_URL=https://sandbox-api.polar.sh`."
    ),
    "Polar's customer … cannot be read at …: …": (
        "Open the customer in Polar's dashboard and correct the field that is named; each later pass reads it again."
    ),
    "Polar does not take this as a customer's id (… on …).": (
        "Look at the person in Attio who holds the id: somebody has typed it."
    ),
    "Polar has no such customer (… on …).": "Nothing: the customer was deleted, and passes treat it so.",
    "Polar does not understand the request (… on …): its API has changed, so look for a newer version of this "
    "pipeline.": _NEWER,
    "Polar's export holds … customers, but Polar counts … before it and … after it (GET …).": (
        "Nothing: the pass reads again, and then page by page."
    ),
    "Polar's export of customers … (GET …).": "Nothing: the pass reads again, and then page by page.",
    # Both services
    "… refused one record (… … on …).": "Look at the customer that the outcome names; all others were written.",
    "… is no usable address (…): it looks like https://api.example.com.": (
        "Correct the setting that is named, or leave it out."
    ),
    "… keeps throttling (… on …): lower the request rate in the settings, or wait until others that share the limit "
    "are done.": (
        "Polar's limit is shared with your own product (`POLAR_REQUESTS_PER_MINUTE`), Attio's with all apps "
        "(`ATTIO_READS_PER_SECOND`, `ATTIO_WRITES_PER_SECOND`)."
    ),
    "All … fail at present; everything else was done. …": (
        "The error behind it says what to do; the next pass does what is left."
    ),
    "Some … failed, and what needs them waits. …": (
        "The error behind it says what to do; the next pass does what is left."
    ),
    # Settings
    "… … not set: …": "Write it into `.env` in the folder in which the command runs, or into the environment.",
    "A setting is not usable: ….": "Correct the setting that is named; its value is not shown, as it may be a secret.",
    "… … is no setting, ……": ("Correct the name. If another program uses it, add it to `POLAR_ATTIO_IGNORE_NAMES`."),
    "no … is called …, …": "Write a key from [attributes.md](attributes.md) or [companies.md](companies.md).",
    "POLAR_ATTIO_RECONCILIATION_CRON: ….": "The rest of the sentence says which field is wrong, and what to write.",
    # Guards, other writers, passes
    "The pass would change … …: …. Allowed are … (POLAR_ATTIO_CHANGE_MAX_SHARE is …, POLAR_ATTIO_CHANGE_MIN_PEOPLE is "
    "…).": (
        "`polar-attio plan` shows each change. If it is meant, `polar-attio approve many-changes`; otherwise correct "
        "the cause ([guards.md](guards.md))."
    ),
    "… belongs to the … …, but the one on record here is …. Nothing was written. Set … to a token of the latter.": (
        "If the change is meant, `polar-attio approve organization`."
    ),
    "… of … people who hold a Polar customer id in Attio are unknown to the organization of POLAR_ACCESS_TOKEN, and "
    "no organization is on record here. Nothing was written. Set the token of the organization whose customers they "
    "are.": ("If the change is meant, `polar-attio approve organization`."),
    "Polar has … customers, where … are on record. Nothing was written. Look in Polar whether so many were deleted.": (
        "If they were, `polar-attio approve fewer-customers`."
    ),
    "The pass may change … people and would change …, but of … more a service could not say it. Nothing was written; "
    "the pass is tried again.": "If it stays, look at why the service does not answer: `polar-attio doctor`.",
    "Polar's answer lacks customers that exist (… of … that were asked for one by one): it had … customers, where … "
    "are on record. Nothing was written; the pass is tried again.": "If it stays, report it to Polar.",
    "Another process has become the writer, because this one stood still for too long: this pass stops, and what it "
    "did is on record.": (
        "Nothing: the other pass goes on. If it comes often, give the machine more processor or memory."
    ),
    "The ledger cannot be used, so this pass stops: …": "The rest of the sentence says what to do about the ledger.",
    "… Nothing was written. … If the change is meant, run `polar-attio approve …`, which allows it once, and start the "
    "pass again; in Dagster, launch its job with `approve: […]` in its config.": (
        "Look at what the first sentence names, then approve it or correct the cause ([guards.md](guards.md))."
    ),
    "The pass was stopped by … before its end; what it did is on record.": (
        "Nothing: the next pass goes on. What Attio holds already is not written again."
    ),
    # Plans and undo
    "it is no plan of this program": _NEW_PLAN,
    "its format is …, and this version reads … only": _NEW_PLAN,
    "it was edited or damaged after it was written: its content does not match its checksum": (
        f"{_NEW_PLAN} To write a part of one, `polar-attio apply FILE --only CUSTOMER`."
    ),
    "the time … is none with a time zone": _NEW_PLAN,
    "the entry of customer … holds an impossible value of …": _NEW_PLAN,
    "it is no whole JSON document: it was cut, edited, or is no plan": _NEW_PLAN,
    "its entry … is not as this program writes it": _NEW_PLAN,
    "the entry of customer … does not say whom to write to": _NEW_PLAN,
    "The plan cannot be written to …: ….": "Name a file in a folder that this user may write to, on a disk with space.",
    "The plan … cannot be read: ….": "Name a file that is there and that this user may read.",
    "No pass on record has the id …, or an id that begins so: `polar-attio undo` without an id lists the newest "
    "passes.": "Write an id from that list.",
    "Pass … did not write the attribute …: it wrote …….": "Name one of the attributes that it wrote.",
    "Pass … wrote nothing for the customer ….": (
        "Look at `polar-attio explain` with the customer: its history names the passes that wrote it."
    ),
    "The range is empty: … is before ….": "Swap `--from` and `--to`.",
    "The ledger knows no customer for …….": "Write Polar's id of the customer, or copy the link to its page in Polar.",
    # Commands
    "The … has ended or does not answer, so all are ended: its messages above say why.": (
        "Read the lines above, correct what they name, and start `make dev` again."
    ),
    "There is nothing to approve by the name …: it is one of ….": (
        "`polar-attio approve` without a name lists what waits."
    ),
    "No pass waits because it would change too many people: there is nothing to approve.": (
        "Nothing; approve when a pass was stopped, because an approval covers what that pass has shown."
    ),
    "Dagster did not launch …: …": "Open Dagster's UI: it says more, such as that the code location did not load.",
    "Dagster answers with the status ….": "Look at the terminal in which Dagster runs, and start `make dev` again.",
    "Dagster does not answer: it starts, is busy, or has ended.": (
        "Wait some seconds; if it stays, start `make dev` again."
    ),
    "Dagster's answer is not as expected: is it another version?": (
        "Install the versions of `constraints.txt`: delete `.venv` and start `make dev` again."
    ),
    "A pass over all customers runs already, or waits for its turn.": "Wait until it has ended.",
    "The ledger holds nothing of ….": "Nothing: there is nothing to erase.",
    "Customer … is not left out: `polar-attio skip --list` shows who is.": "Nothing: passes write this customer.",
    # Doctor
    "… is not set: … Create a key with the scopes record_permission:read-write and object_configuration:read under "
    "Workspace settings, Developers.": "Write it into `.env`, or into the environment.",
    "… is not set: … Create an organization access token with the scope customers:read in Polar's settings.": (
        "Write it into `.env`, or into the environment."
    ),
    "… Until then, ….": (
        "Run `polar-attio doctor` again later: it could not be found out whether the token has the scope."
    ),
    "POLAR_ATTIO_START_DATE is …: no hour is synced before that day.": "Set an earlier day, unless it is meant.",
    # A component of a Dagster project
    "there is no such key, …; settings stand below settings": _IN_DEFS,
    "The component in … cannot be loaded: …": "Correct what is named in the defs.yaml of that folder.",
    "PolarAttioComponent is scaffolded as YAML only. In Python, call polar_attio_pipeline.defs.build.build in a "
    "function that dg.definitions decorates.": "Leave `--format python` out.",
    'it is missing: each component needs a ledger of its own, so write a path such as "…"': _IN_DEFS,
    "it has no place in a component: …": "Delete the line.",
    "a token does not belong in this file: …, and make a new one": (
        "Whoever can read the repository could have read the token: revoke it."
    ),
    "this is no setting, …": _IN_DEFS,
    "it is secret and does not belong in this file: …": _IN_DEFS,
    # Backups
    "… is not there: no such file.": "Name a file that is there.",
    "There is no ledger … yet: the first pass makes it.": "Nothing, or set POLAR_ATTIO_DATABASE_URL to where it is.",
    "… cannot be renamed to … (…).": "Give this user the right to write to the folder.",
    "… cannot be written (…).": "Give this user the right to write to the folder, or name another one.",
    "… is damaged, or no SQLite database.": _ANOTHER_BACKUP,
    "The ledger … has no tables yet: there is nothing to copy.": "Nothing: the first pass makes them.",
    "… is empty: it has no tables.": _ANOTHER_BACKUP,
    "… is no ledger of polar-attio-pipeline.": _ANOTHER_BACKUP,
    "Old backups in … cannot be deleted (…).": "The new backup is complete. Give this user the right to delete there.",
    "The sync was taken out of Attio by `polar-attio uninstall` (… UTC). Nothing was written. Stop what started "
    "this pass: Dagster's schedules and sensors, or cron.": "If it is to write again, `polar-attio approve reinstall`.",
    # Files
    "settings file": "`chmod 600 .env`.",
    "There is no … in …: `…` writes one, and says what comes next.": "Run it there.",
    "There is no file … to show: it is one of ….": "Name one of these.",
    "…_API_URL is no usable address (…): ….": "Write scheme and host alone, such as `https://api.polar.sh`.",
    "no request sent": "Correct the address or the token that is named beside it.",
    # Alerts
    "… hours have failed up to … times in a row: …": _IN_DAGSTER,
    "One hour has failed … times in a row: …": _IN_DAGSTER,
    "The newest pass over companies failed. It says: … See … and, for when it is tried again, the schedule … (…).": (
        _IN_DAGSTER
    ),
    "The newest reconciliation failed. It says: … See … and, for when it is tried again, the schedule … (…).": (
        _IN_DAGSTER
    ),
    "… of … customers are rejected or ambiguous. The check every_customer_is_in_attio lists them (…). Those that have "
    "waited longest: ….": "Each row of the check says what to do; the reasons are in the table above.",
    "The sensor … has not been able to look for … at least since … UTC. … See its ticks (…).": _READ_DOCTOR,
    "Attio's … attribute … was there and is not any more, so it is not written: if it has another slug now, …; if it "
    "is not wanted any more, execute this check once by hand.": (
        "The check is `attio_can_be_written` of `people_in_attio`."
    ),
}
"""By the text of a message: what to do, as sentences."""

REASONS: dict[Reason, tuple[str, str]] = {
    Reason.CHANGED_MEANWHILE: (
        "Attio says that the address is taken, or that the record no longer exists, but a fresh search does not show "
        "why.",
        "Search Attio for the address, archived and deleted records included. The next pass tries again.",
    ),
    Reason.REFUSED: (
        "Rejected: Attio does not take a value; the outcome names the field.",
        "Correct the value in Polar, or the attribute in Attio. It is sent again when one of them has changed, and "
        "once a day.",
    ),
    Reason.UNREADABLE: (
        "Rejected: Polar answers 500 for this customer, or with a row that does not parse.",
        "Open it in Polar's dashboard and correct what is named, or give it an address, or delete it.",
    ),
    Reason.UNANSWERED: (
        "Rejected: a question about this customer failed, although Polar answered others.",
        f"{_BY_ITSELF} If it stays, the sentence names the request.",
    ),
    Reason.NOT_TAKEN: (
        "Rejected: a search for this customer or a write failed, although Attio answered others.",
        f"{_BY_ITSELF} If it stays, the sentence names the request.",
    ),
    Reason.UNEXPECTED: (
        "Rejected: this program failed on the customer's data, and went on with the others.",
        "Report it with the traceback in the log of the run.",
    ),
    Reason.LEFT_EMPTY: (
        "Written, but an attribute cannot hold what Polar says: an amount in another currency, or a status without an "
        "option in Attio.",
        "`polar-attio setup` adds options. Amounts in another currency are not converted ([billing.md](billing.md)).",
    ),
    Reason.PARTLY_REFUSED: (
        "Written, but for one value that Attio does not take.",
        "Correct the value in Polar, or the attribute in Attio. It is sent again when it or the workspace has changed, "
        "and once a day.",
    ),
    Reason.DRIFTED: (
        "Of `polar-attio apply` only: the customer has changed since the plan was made, so nothing was written.",
        "Make a new plan to see what the customer needs now ([plan-and-apply.md](plan-and-apply.md)).",
    ),
}
"""Reasons that no case of matching explains: what each means, and what to do."""
