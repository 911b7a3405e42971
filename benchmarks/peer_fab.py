"""Flask-AppBuilder's ModelView and ModelRestApi over the measured table, as they come. Run by `benchmarks.peers`.

Its own users live in a file beside; the contacts are reached through a bind. Prints one JSON object: case -> median
milliseconds.
"""

import json
import logging
import statistics
import sys
import time
from pathlib import Path

from flask import Flask
from flask_appbuilder import AppBuilder, Model, ModelRestApi, ModelView
from flask_appbuilder.models.sqla.base import SQLA
from flask_appbuilder.models.sqla.filters import FilterEqual
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, Integer, MetaData, String, Text, func
from sqlalchemy.orm import relationship

ORDER = json.loads(sys.argv[1])
CLOCK = getattr(time, ORDER["clock"])
logging.disable(logging.CRITICAL)
# The measured database beside the file of its users: Flask-SQLAlchemy chooses an engine by a table's metadata.
CRM = MetaData(info={"bind_key": "crm"})
Id = BigInteger().with_variant(Integer, "sqlite")


class Member(Model):
    metadata = CRM
    __tablename__ = "membership"
    id = Column(Id, primary_key=True)
    name = Column(String(200))

    def __repr__(self):
        return self.name


class Contact(Model):
    metadata = CRM
    __tablename__ = "contact"
    id = Column(Id, primary_key=True)
    workspace_id = Column(BigInteger, default=ORDER["workspace"])
    name = Column(String(200), nullable=False)
    company = Column(String(200))
    type = Column(String(40), default="buyer")
    stage = Column(String(40), default="new")
    email = Column(String(254))
    phone = Column(String(40))
    next_step = Column(String(200))
    budget_max = Column(BigInteger)
    lawful_basis = Column(String(40), default="consent")
    minor = Column(Boolean, default=False)
    about = Column(Text)
    owner_id = Column(BigInteger, ForeignKey("membership.id"))
    owner = relationship(Member)
    last_activity = Column(DateTime, default=func.now())
    created_at = Column(DateTime, default=func.now())
    updated_at = Column(DateTime, default=func.now())
    created_by = Column(String(200), default="FAB")
    source = Column(String(40), default="bench")
    name_key = Column(String(200), default="")
    version = Column(Integer, default=1)
    deleted_at = Column(DateTime)


class ContactView(ModelView):
    datamodel = SQLAInterface(Contact)
    list_columns = ["name", "type", "stage", "next_step", "budget_max", "phone", "email", "owner", "last_activity"]
    edit_columns = add_columns = [
        "name",
        "company",
        "type",
        "stage",
        "email",
        "phone",
        "next_step",
        "budget_max",
        "about",
        "owner",
    ]
    search_columns = ["name", "email", "phone", "company", "stage"]
    base_order = ("last_activity", "desc")
    base_filters = [["workspace_id", FilterEqual, ORDER["workspace"]]]
    page_size = 50


class ContactApi(ModelRestApi):
    datamodel = SQLAInterface(Contact)
    resource_name = "contact"
    allow_browser_login = True
    list_columns = [
        "id",
        "name",
        "company",
        "type",
        "stage",
        "email",
        "phone",
        "next_step",
        "budget_max",
        "lawful_basis",
        "minor",
        "about",
        "owner.name",
        "last_activity",
        "created_at",
    ]
    base_order = ("last_activity", "desc")
    base_filters = [["workspace_id", FilterEqual, ORDER["workspace"]]]
    max_page_size = 100


def make_client():
    users = Path(ORDER["folder"], "fab-users.sqlite3")
    users.unlink(missing_ok=True)
    app = Flask(__name__)
    app.config.update(SECRET_KEY="benchmark")  # noqa: S106 (of a throw-away application)
    app.config.update(
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{users}",
        SQLALCHEMY_BINDS={"crm": ORDER["url"]},
        WTF_CSRF_ENABLED=False,
        AUTH_RATE_LIMITED=False,
    )
    with app.app_context():
        db = SQLA(app)
        builder = AppBuilder(app, db.session)
        builder.add_view(ContactView, "Contacts")
        builder.add_api(ContactApi)
        builder.sm.add_user("bench", "Bench", "Mark", "bench@example.com", builder.sm.find_role("Admin"), "benchmark")
    client = app.test_client()
    client.post("/login/", data={"username": "bench", "password": "benchmark"})
    return client


def main():
    client = make_client()
    base = "/contactview"
    form = {"name": "FAB Person", "type": "buyer", "stage": "new"}
    cases = {
        "first page": lambda: client.get(f"{base}/list/?psize_ContactView=50"),
        "deep page": lambda: client.get(f"{base}/list/?psize_ContactView=50&page_ContactView={ORDER['deep']}"),
        "search, rare": lambda: client.get(f"{base}/list/?psize_ContactView=50&_flt_2_email={ORDER['word']}"),
        "filter and sort": lambda: client.get(
            f"{base}/list/?psize_ContactView=50&_flt_3_stage=active&_oc_ContactView=name&_od_ContactView=asc"
        ),
        "edit form": lambda: client.get(f"{base}/edit/{ORDER['contact']}"),
        "create": lambda: client.post(f"{base}/add", data=form),
        "REST list of 100": lambda: client.get("/api/v1/contact/?q=(page_size:100)"),
    }
    found = {}
    for name, run in cases.items():
        answer = run()
        if name.endswith("page") and answer.data.count(b"<tr") < 50:
            raise RuntimeError(f"{name} shows no fifty rows")
        if answer.status_code != (302 if name == "create" else 200):
            raise RuntimeError(f"{name} answered {answer.status_code}: {answer.get_data(as_text=True)[:300]}")
        times = []
        for _ in range(min(ORDER["rounds"], 5)):
            start = CLOCK()
            run()
            times.append((CLOCK() - start) * 1000)
        found[name] = statistics.median(times)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
