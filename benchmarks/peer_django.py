"""A Django admin over the measured table, tuned as its documentation advises. Run by `benchmarks.peers` in its own
environment.

Same columns as our list, `list_select_related`, no full result count, raw id fields, and kept to one workspace. Prints
one JSON object: case -> median milliseconds.
"""

import json
import statistics
import sys
import time
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings

ORDER = json.loads(sys.argv[1])
CLOCK = getattr(time, ORDER["clock"])


def database():
    if ORDER["url"].startswith("sqlite"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": ORDER["url"].removeprefix("sqlite:///")}
    url = urlsplit(ORDER["url"])
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path[1:],
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname,
        "PORT": url.port or "",
        "CONN_MAX_AGE": None,
    }


settings.configure(
    SECRET_KEY="benchmark",  # noqa: S106 (of a throw-away application)
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": database()},
    USE_TZ=True,
    TIME_ZONE="UTC",
    DEBUG=False,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    STATIC_URL="/static/",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    ("django.template.loaders.cached.Loader", ["django.template.loaders.app_directories.Loader"])
                ],
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ],
            },
        }
    ],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
)
django.setup()

from django.contrib import admin  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import models  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils import timezone  # noqa: E402

_STAGES = [(v, v.title()) for v in ("new", "qualified", "active", "under_contract", "closed", "nurture", "lost")]
_TYPES = [(v, v.title()) for v in ("buyer", "seller", "landlord", "tenant", "lead", "farming", "vendor", "other")]


# An installed app must own the models; a package of its own would change no figure.
class Member(models.Model):
    name = models.CharField(max_length=200)

    class Meta:
        managed, db_table, app_label = False, "membership", "auth"

    def __str__(self):
        return self.name


class Contact(models.Model):
    workspace_id = models.BigIntegerField(default=ORDER["workspace"])
    name = models.CharField(max_length=200)
    goes_by = models.CharField(max_length=80, null=True, blank=True)
    company = models.CharField(max_length=200, null=True, blank=True)
    job_title = models.CharField(max_length=120, null=True, blank=True)
    type = models.CharField(max_length=40, choices=_TYPES, default="buyer")
    stage = models.CharField(max_length=40, choices=_STAGES, default="new")
    email = models.CharField(max_length=254, null=True, blank=True)
    phone = models.CharField(max_length=40, null=True, blank=True)
    next_step = models.CharField(max_length=200, null=True, blank=True)
    budget_min = models.BigIntegerField(null=True, blank=True)
    budget_max = models.BigIntegerField(null=True, blank=True)
    lawful_basis = models.CharField(max_length=40, default="unknown")
    minor = models.BooleanField(default=False)
    about = models.TextField(null=True, blank=True)
    owner = models.ForeignKey(Member, models.DO_NOTHING, null=True, blank=True)
    last_activity = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=200, default="Django", editable=False)
    source = models.CharField(max_length=40, default="bench", editable=False)
    name_key = models.CharField(max_length=200, default="", editable=False)
    version = models.IntegerField(default=1, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        managed, db_table, app_label = False, "contact", "auth"

    def __str__(self):
        return self.name


@admin.register(Member)
class MemberAdmin(admin.ModelAdmin):
    search_fields = ("name",)


@admin.register(Contact)
class ContactAdmin(admin.ModelAdmin):
    list_display = ("name", "type", "stage", "next_step", "budget_max", "phone", "email", "owner", "last_activity")
    list_select_related = ("owner",)
    list_per_page = 50
    list_max_show_all = 50
    show_full_result_count = False
    raw_id_fields = ("owner",)
    search_fields = ("name", "email", "phone", "company")
    ordering = ("-last_activity", "-id")
    exclude = ("workspace_id",)

    def get_queryset(self, request):
        return super().get_queryset(request).filter(workspace_id=ORDER["workspace"], deleted_at=None)


urlpatterns = [path("admin/", admin.site.urls)]


def main():
    call_command("migrate", verbosity=0)
    user, _ = get_user_model().objects.get_or_create(
        username="bench", defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client()
    client.force_login(user)
    base = "/admin/auth/contact/"
    form = {
        "name": "Django Person",
        "type": "buyer",
        "stage": "new",
        "lawful_basis": "consent",
        "last_activity_0": "2026-05-01",
        "last_activity_1": "10:00:00",
    }
    cases = {
        "first page": lambda: client.get(base),
        "deep page": lambda: client.get(f"{base}?p={ORDER['deep'] + 1}"),
        "search, rare": lambda: client.get(base, {"q": ORDER["word"]}),
        "filter and sort": lambda: client.get(f"{base}?stage__exact=active&o=1"),
        "edit form": lambda: client.get(f"{base}{ORDER['contact']}/change/"),
        "create": lambda: client.post(f"{base}add/", form),
    }
    found = {}
    for name, run in cases.items():
        answer = run()
        if name.endswith("page") and answer.content.count(b"<tr") < 50:
            raise RuntimeError(f"{name} shows no fifty rows")
        if answer.status_code != (302 if name == "create" else 200):
            raise RuntimeError(f"{name} answered {answer.status_code}")
        times = []
        for _ in range(min(ORDER["rounds"], 12)):
            start = CLOCK()
            run()
            times.append((CLOCK() - start) * 1000)
        found[name] = statistics.median(times)
    print(json.dumps(found))


if __name__ == "__main__":
    # Django imports this file a second time as its root of addresses; both must be one module.
    sys.modules["peer_django"] = sys.modules[__name__]
    main()
