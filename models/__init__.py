"""What exists. Importing the package maps every table and arms the wall between workspaces."""

from models import (  # noqa: F401
    access,
    ai,
    audit,
    booking,
    campaign,
    contact,
    custom,
    dashboard,
    deal,
    inbound,
    intake,
    job,
    message,
    privacy,
    role_rule,
    sending,
    setup,
    star,
    stored_file,
    tenancy,
    tracking,
    user,
    view,
    webhook,
    work,
    workspace,
)

webhook.offer_events()
