"""The workspace's tables (docs/design.md, "Workspace and tables"). Names are the contract; columns may grow at the end.

Money is in the workspace's currency, fractions are 0-1, times are naive local timestamps, `customer_id` is always the
pseudonym (keyed hash), never what the export held.
"""

TABLES: dict[str, dict[str, str]] = {
    "products": {
        "product_id": "VARCHAR PRIMARY KEY", "name": "VARCHAR NOT NULL", "category": "VARCHAR", "price": "DOUBLE",
        "cost": "DOUBLE", "brand": "VARCHAR", "created_on": "DATE",
    },
    "customers": {
        "customer_id": "VARCHAR PRIMARY KEY", "created_on": "DATE", "country": "VARCHAR", "email_opt_in": "BOOLEAN",
        "sms_opt_in": "BOOLEAN", "push_opt_in": "BOOLEAN", "traits": "JSON",
    },
    "orders": {
        "order_id": "VARCHAR PRIMARY KEY", "customer_id": "VARCHAR", "ordered_at": "TIMESTAMP NOT NULL",
        "status": "VARCHAR",  # paid | pending | cancelled | refunded
        "total": "DOUBLE", "discount": "DOUBLE", "channel": "VARCHAR", "country": "VARCHAR",
    },
    "order_lines": {
        "order_id": "VARCHAR NOT NULL", "line": "INTEGER NOT NULL", "product_id": "VARCHAR", "quantity": "DOUBLE",
        "unit_price": "DOUBLE",  # after the discount; quantity is negative on a cancellation
    },
    "events": {
        "customer_id": "VARCHAR", "happened_at": "TIMESTAMP", "kind": "VARCHAR",  # view | cart | search
        "product_id": "VARCHAR", "query": "VARCHAR",
    },
    "campaigns": {
        "campaign_id": "VARCHAR PRIMARY KEY", "name": "VARCHAR", "objective": "VARCHAR", "start": "DATE", "days": "INTEGER",
        "audience": "VARCHAR", "products": "VARCHAR[]", "category": "VARCHAR", "shares": "JSON", "budget": "DOUBLE",
        "discount": "DOUBLE", "offer": "VARCHAR", "send_hour": "INTEGER", "weekly_frequency": "DOUBLE", "angle": "VARCHAR",
        "tone": "VARCHAR", "language": "VARCHAR", "source": "VARCHAR",  # which importer or 'simulator'
    },
    "campaign_results": {
        "campaign_id": "VARCHAR", "channel": "VARCHAR", "segment": "VARCHAR", "day": "DATE", "impressions": "DOUBLE",
        "clicks": "DOUBLE", "conversions": "DOUBLE", "spend": "DOUBLE", "revenue": "DOUBLE",
    },
    "coverage": {  # by which periods and columns ('cut') an ads export gave a campaign's results
        "campaign_id": "VARCHAR", "source": "VARCHAR", "account": "VARCHAR", "name": "VARCHAR", "start": "DATE",
        "until": "DATE", "cut": "VARCHAR", "numbered": "BOOLEAN", "file_name": "VARCHAR",
    },
    "exposures": {
        "customer_id": "VARCHAR", "campaign_id": "VARCHAR", "arm": "VARCHAR",  # 'control' = not treated
        "propensity": "DOUBLE", "randomised": "BOOLEAN", "visit": "BOOLEAN", "conversion": "BOOLEAN", "spend": "DOUBLE",
        "exposed_on": "DATE",
    },
    "prices": {
        "product_id": "VARCHAR", "date": "DATE", "price": "DOUBLE", "competitor_price": "DOUBLE", "units": "DOUBLE",
        "on_promotion": "BOOLEAN", "store": "VARCHAR",
    },
    "stock": {
        "product_id": "VARCHAR", "date": "DATE", "on_hand": "DOUBLE", "inbound": "DOUBLE", "lead_days": "INTEGER",
    },
    "copies": {
        "copy_id": "VARCHAR", "campaign_id": "VARCHAR", "channel": "VARCHAR", "language": "VARCHAR", "text": "VARCHAR",
        "impressions": "DOUBLE", "clicks": "DOUBLE", "angle": "VARCHAR", "tone": "VARCHAR",
    },
    "imports": {
        "import_id": "VARCHAR PRIMARY KEY", "file_name": "VARCHAR", "sha256": "VARCHAR", "format": "VARCHAR",
        "rows_read": "BIGINT", "rows_kept": "BIGINT", "rows_rejected": "BIGINT", "totals": "JSON", "imported_at": "TIMESTAMP",
    },
    "rejects": {"import_id": "VARCHAR", "line": "BIGINT", "reason": "VARCHAR"},
}


def ddl() -> list[str]:
    """CREATE TABLE IF NOT EXISTS statements for every table, in order."""
    return [
        f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(f'{column} {kind}' for column, kind in columns.items())})"
        for table, columns in TABLES.items()
    ]
