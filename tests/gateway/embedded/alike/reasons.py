"""Why Prefect and the embedded server do not answer alike: patterns of what differs (`differences`), each with its reason."""

TWO_FAULTS = (
    "Of a body with several faults, the embedded server tells those of types first, Prefect some of the others."
)
UNIONS = (
    "What may be of several models is told with the errors of each by Prefect, with those of the one that it is here."
)
NOTHING_SENT = "A missing key is told with the whole body as input."
IN_OTHER_WORDS = "A value that is none of a few, or no list, is refused in other words."
IN_SETS = "Prefect reads lists of ids as sets, and tells the faults in them in an order of its own."
REWRITTEN = "Prefect tells the body as its validators changed it, the embedded server as it was sent."

REASONS: list[tuple[str, str]] = [
    (r"^\S+ \S+ 50[03] \| [24]", "Prefect fails with 500 or 503."),
    (r"^GET /admin/settings 200: .*<absent>", "Settings of Prefect that the embedded server does not have."),
    (
        r"^POST /task_runs/paginate 200: .*<absent>",
        "Prefect leaves out the fields of a task run that have their defaults.",
    ),
    (r"422: .*Unable to parse string", "A text that is no datetime: pydantic says why in words of its own."),
    (
        r'422: .exception_detail\[\].ctx.error: \{\} \| "',
        "A text that is no datetime: pydantic says why in words of its own.",
    ),
    (r'422: .*"value_error" \| "datetime_', "A text that is no datetime: pydantic says why in words of its own."),
    (r"422: .*unix timestamps", "A text that is no datetime: pydantic says why in words of its own."),
    (r"422: .*value is not a valid datetime", "A text that is no datetime: pydantic says why in words of its own."),
    (r"422: .(detail|exception_detail|exception_message|request_body): .*(<absent>|Invalid limit)", TWO_FAULTS),
    (r"^POST /work_pools/ 422: .exception_detail: ", TWO_FAULTS),
    (r"^POST \S+/history 422: .exception_detail\[\].input: null", NOTHING_SENT),
    (r"^POST /ui/\S+ 422: .exception_detail\[\].input: null", NOTHING_SENT),
    (r"^\S+ \S*/(automations|schedules|events|deployments)/?\S* 422: .exception_detail(\[\]\S*)?: ", UNIONS),
    (
        r"^\S+ /automations/\S* 20[14] \| 422: .*trigger",
        "A trigger without its type is of the kind that its keys tell; Prefect takes another one that fits.",
    ),
    (
        r"^POST /concurrency_limits/filter 200: ",
        "Prefect leaves the limits of no tag out of a page that is cut already, so that it may be short.",
    ),
    (r"^POST /work_queues/filter 200: ", "Queues of one name, in several pools, have no order in Prefect."),
    (
        r"^POST /(flow|task)_runs/\S*set_state 20\d: .*state_details\.(pause_timeout|cache_expiration): ",
        "The embedded server tells every moment in UTC.",
    ),
    (
        r"422: .exception_detail: \[\{.input.: null, .loc.: \[.body., .\w+.\].*\| \[\{.input.: .*, .loc.: \[.body.\]",
        "A body that is no object is told as such, by Prefect as one that lacks keys.",
    ),
    (
        r'422: .exception_detail\[\].(loc: \["body", "\w+"\] \| \["body"\]|(msg|type): .* \| "(Input should be a valid dict|model_attr)|input: null \| [\[\d])',
        "A body that is no object is told as such, by Prefect as one that lacks keys.",
    ),
    (r'422: .exception_detail: .*"retry_delay", "float"\]', UNIONS),
    (r"422: .exception_detail\[\].loc\[\]: \d+ \| \d+$", IN_SETS),
    (r"422: .exception_detail\[\].input: \"[^\"]*\" \| \"[^\"]*\"$", IN_SETS),
    (r"422: .exception_detail\[\].loc: .*_\", (\d+|\"\w+\")\]", IN_SETS),
    (r"422: .exception_detail\[\].ctx.error: \"", IN_SETS),
    (r'422: .exception_detail\[\].type: "literal_error" \| "enum"', IN_OTHER_WORDS),
    (r'422: .exception_detail\[\].(msg|type): ".*set.*" \| ".*list.*"', IN_OTHER_WORDS),
    (r"422: .exception_detail\[\].(ctx|msg|type): .*(Sequence|is_instance_of)", IN_OTHER_WORDS),
    (r"422: .request_body\S*(within|retries|retry_delay|parameters): ", REWRITTEN),
    (r"^\S+ /deployments/\S* 422: .request_body", "A schedule that cannot be read is told by itself."),
    (
        r"^POST /deployments/\S+/create_flow_run 201: .tags\[\]",
        "Prefect keeps the tags of a deployment and of its run as a set.",
    ),
    (r"^POST /deployments/\S+/bulk 200: .*not associated with a work pool", "The error names the deployment."),
    (
        r"^POST /deployments/\S+/create_flow_run/bulk 200: .results\[\]\.(error|flow_run_id|status): ",
        "Of runs that refer to what is not there Prefect tells the database's error with its statement, and makes none of those after.",
    ),
    (
        r"^POST /flow_runs/bulk_set_state 200: .*state\.(id|state_details\.\w+): ",
        "Prefect writes the ids of one run into the states of all.",
    ),
    (
        r"^\S+ /\S+ 422 \| \d+: .*int_from_float",
        "Seconds of a retry's delay by their old name may have a fraction, which is cut off.",
    ),
    (r"422: .*name cannot be an empty string", "An empty name is refused in other words."),
    (r'^POST /work_pools/ 422: .*(ctx.pattern|"string_pattern_mismatch")', "An empty name is refused in other words."),
    (
        r"^POST /block_types/ 201: ",
        "Of two types with one name Prefect answers the older instead of the one that it made.",
    ),
    (r"404: .detail: .Not Found", "A name with a line break is no route of Prefect."),
    (r"404 \| 4\d\d: ..detail.: .Not Found", "A name with a line break is no route of Prefect."),
]
