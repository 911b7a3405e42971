"""The words that address books and CRMs use for their columns: Google, Outlook, Apple, Mailchimp, HubSpot, brokerage
CRMs, people.

Belongs here: column names and what they mean. Does not belong here: what a file's values look like (`mapping`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Set
from dataclasses import dataclass

from models.words import N_, _


@dataclass(frozen=True, slots=True)
class Meaning:
    """`field` as in `mapping.FIELDS` ("" means known and left out on purpose)."""

    field: str
    group: str = ""
    label: str = ""
    confidence: float = 0.95
    reason: str = N_("Known column name.")


_WORDS = {
    "name": (
        "name|full name|fullname|contact name|display name|client name|client|lead name|contact|customer|"
        "customer name|person name|nombre completo|nombre y apellido|nombre y apellidos|nom complet|"
        "nome completo|vollstandiger name|buyer name|seller name|owner name|names"
    ),
    "first_name": (
        "first name|firstname|first|given name|givenname|fname|forename|nombre|nombres|prenom|vorname|"
        "primer nombre|nome"
    ),
    "middle_name": "middle name|middlename|additional name|middle|segundo nombre|middle initial",
    "last_name": (
        "last name|lastname|last|family name|familyname|lname|surname|apellido|apellidos|primer apellido|"
        "nom de famille|nachname|sobrenome|cognome"
    ),
    "prefix": "name prefix|prefix|salutation|honorific|anrede|tratamiento",
    "suffix": "name suffix|suffix|generation",
    "goes_by": "nickname|nick name|goes by|preferred name|known as|apodo|alias|short name",
    "company": (
        "company|company name|organization|organisation|organization name|organization 1 name|"
        "organisation name|employer|business name|business|brokerage|firm|empresa|compania|societe|firma|"
        "associated company|account name|negocio"
    ),
    "job_title": (
        "job title|jobtitle|position|organization title|organization 1 title|occupation|profession|role|"
        "puesto|cargo|titre|beruf|poste"
    ),
    "email": (
        "email|e mail|mail|email address|e mail address|emailaddress|emails|e mails|email addresses|"
        "correo|correo electronico|courriel|e mail adresse|mail address|contact email|primary email|"
        "subscriber email|direccion de correo electronico|correos"
    ),
    "phone": (
        "phone|phone number|phonenumber|telephone|telephone number|tel|phones|phone numbers|telefono|"
        "numero de telefono|telefonnummer|telefone|telefon|contact number|number|phone no|tel no|"
        "telefonos|whatsapp|whatsapp phone number|contact phone"
    ),
    "address": (
        "address|full address|mailing address|formatted address|direccion|adresse|anschrift|endereco|"
        "property address|domicilio|postal address|home address|physical address|current address|"
        "ip confirmed address"
    ),
    "street": (
        "street|street address|address line 1|address 1|address1|street 1|address street|mailing street|"
        "calle|rue|strasse|rua|street name|street line 1|mail street"
    ),
    "city": (
        "city|town|address city|mailing city|ciudad|ville|stadt|ort|cidade|localidad|poblacion|city town|mail city"
    ),
    "region": (
        "state|region|state region|province|state province|address state|mailing state|estado|provincia|"
        "bundesland|county|state code|mail state|comunidad"
    ),
    "postal_code": (
        "zip|zip code|zipcode|postal code|postcode|postalcode|address zip|mailing zip|codigo postal|"
        "code postal|plz|zip postal code|postal zip|cp|mail zip|mailing zip postal code|"
        "address postal code"
    ),
    "country": (
        "country|country region|address country|mailing country|pais|pays|land|country code|mailing country region"
    ),
    "birthday": (
        "birthday|birth date|birthdate|date of birth|dob|bday|fecha de nacimiento|cumpleanos|geburtstag|"
        "date de naissance"
    ),
    "website": (
        "website|web page|webpage|web site|url|homepage|home page|website url|sitio web|website 1 value|"
        "web|pagina web|site"
    ),
    "notes": (
        "notes|note|comments|comment|description|remarks|background|about|notas|observaciones|comentarios|"
        "bemerkungen|notizen|message|memo|details|agent notes|lead notes|background info"
    ),
    "tags": (
        "tags|tag|labels|label|group membership|groups|group|categories|category|etiquetas|etiqueta|"
        "hashtags|lists|segments|categorias|keywords|list"
    ),
    "source": (
        "source|lead source|origin|original source|referred by|referral source|fuente|origen|"
        "how did you hear about us|original traffic source|hs analytics source|leadsource|"
        "registration source"
    ),
    "type": (
        "type|contact type|lead type|client type|buyer seller|person type|tipo|tipo de contacto|"
        "tipo de cliente|deal type|lead classification"
    ),
}
_KNOWN = {name: field for field, names in _WORDS.items() for name in names.split("|")}

# Words with other uses too: a surer column for the same field wins over them.
_WEAK = frozenset(
    ["occupation", "profession", "role", "contact", "client", "number", "list", "lists", "keywords", "details", "web"]
)

_LEFT_OUT = re.compile(
    r"problem|(?:contact |record |lead |hs object )?id|"
    r".*\b(?:display name|yomi|phonetic \w+ name|yomi name)|phonetic .*|file as|photo|assistant s phone|"
    r"pager|initials|gender|language|sensitivity|priority|private|location|hobby|mileage|directory server|"
    r"billing information|internet free busy|account|anniversary|children|spouse|assistant s name|"
    r"manager s name|.*\bfax(?: number)?(?: \d)?|telex|isdn|tty tdd phone|callback|e mail(?: \d)? type|"
    r"(?:event|relation|custom field|im|user) \d.*|user \d|government id number|organizational id number|"
    r"office location|subject|maiden name|"
    r"organization(?: \d)? (?:type|symbol|yomi name|location|job description|department)|department|"
    r"created.*|create date|updated.*|last (?:modified|activity|contacted|updated|changed).*|"
    r"optin (?:time|ip)|confirm (?:time|ip)|latitude|longitude|gmtoff|dstoff|timezone|cc|leid|euid|"
    r"member rating|organization 1 phonetic name|stage|lifecycle stage|lead status|status|assigned to|"
    r"owner|contact owner|agent|website \d label|website \d type|password"
)
_NUMBERED = re.compile(
    r"(?P<kind>e mail|email|phone|address|website) (?P<n>\d{1,2}) (?P<part>type|label|value|formatted|street|city|"
    r"po box|region|state|postal code|zip|country|extended address)"
)
_PLACES = {"home": "home", "business": "work", "work": "work", "other": "other", "office": "work", "company": "work",
           "personal": "home", "mailing": "home", "casa": "home", "trabajo": "work", "oficina": "work",
           "private": "home"}  # fmt: skip
_PLACE = "|".join(_PLACES)
_PLACED_ADDRESS = re.compile(
    rf"(?P<place>{_PLACE}) (?:address )?(?P<part>street(?: address)?(?: [123])?|address(?: line)?(?: [123])?|city|"
    r"state|province|region|zip(?: code)?|postal code|country(?: region)?|address po box|po box)"
)
_PARTS = {"type": "label", "state": "region", "province": "region", "zip": "postal_code", "zip code": "postal_code",
          "postal code": "postal_code", "country region": "country"}  # fmt: skip
_PLACED_PHONE = re.compile(
    rf"(?P<place>{_PLACE}|mobile|cell|cellular|cellphone|car|primary|main|company main|direct|land|landline|movil|"
    r"celular|day|evening|handy|iphone|secondary|alternate|alt|radio|fijo|telefono movil|"
    r"telefono celular|telefono fijo|telefono casa|telefono trabajo|mobil|portable)"
    r" ?(?:phone|phone number|number|tel|telephone|no|line)? ?(?P<n>\d)?"
)
_PHONE_LABELS = {"mobile": "mobile", "cell": "mobile", "cellular": "mobile", "cellphone": "mobile", "movil": "mobile",
                 "celular": "mobile", "handy": "mobile", "iphone": "mobile", "primary": "main", "main": "main",
                 "mobil": "mobile", "portable": "mobile", "company main": "work", "direct": "work",
                 "day": "work", "landline": "home",
                 "land": "home",
                 "telefono movil": "mobile", "telefono celular": "mobile", "telefono casa": "home",
                 "telefono trabajo": "work"}  # fmt: skip
_PLACED_EMAIL = re.compile(
    rf"(?P<place>{_PLACE}|primary|main|secondary|alternate|alt) (?:e mail|email|mail|correo)(?: address)? ?(?P<n>\d)?"
)
_COUNTED = re.compile(r"(?P<base>.*?[a-z]) ?(?P<n>\d{1,2})(?P<rest> address| number| type| label)?")
_FILLERS = re.compile(
    r"\b(?:contact|client|lead|buyer|seller|customer|person|prospect|your|the|owner|primary|main|s|del|de la|cliente)\b"
)
_ALONE_PHONE = frozenset(
    ["mobile", "cell", "cellular", "cellphone", "movil", "celular", "handy", "iphone", "landline", "portable", "mobil"]
)

# Words that need "phone" beside them to mean one.
_BARE_PLACES = frozenset(
    [
        *_PLACES,
        "car",
        "primary",
        "main",
        "direct",
        "land",
        "day",
        "evening",
        "secondary",
        "alternate",
        "alt",
        "radio",
        "fijo",
    ]
) | {"company main"}

_ORIGINS = (
    ("Google Contacts", {"group membership", "given name"}),
    ("Google Contacts", {"phonetic first name", "labels"}),
    ("Google Contacts", {"organization name", "file as"}),
    ("Outlook", {"e mail address", "business phone"}),
    ("Outlook", {"business street", "mobile phone"}),
    ("Mailchimp", {"email address", "optin time"}),
    ("Mailchimp", {"email address", "member rating"}),
    ("HubSpot", {"record id", "lifecycle stage"}),
    ("HubSpot", {"lifecycle stage", "contact owner"}),
    ("Follow Up Boss", {"assigned to", "stage", "lead source"}),
)


def key(header: str) -> str:
    """A column name without case, accents, punctuation: "E-mail 1 - Value" is "e mail 1 value"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)
    folded = "".join(c for c in unicodedata.normalize("NFKD", spaced.casefold()) if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", " ", folded).strip()


def meaning(name: str, others: Set[str]) -> Meaning | None:
    """What a column with this key means, among columns with the keys `others`; None where the name says nothing."""
    if name == "title":
        return _title(others)
    if name in ("nombre", "nome") and not others & {
        "apellido",
        "apellidos",
        "primer apellido",
        "sobrenome",
        "cognome",
        "last name",
    }:
        return Meaning(
            "name", confidence=0.85, reason=N_("Known column name, with no column for last names beside it.")
        )
    return _numbered(name) or _placed(name) or _plain(name) or _loose(name)


def origin(names: Set[str]) -> str:
    """The program whose exports have these columns, or nothing."""
    return next((program for program, marks in _ORIGINS if marks <= names), "")


def kind(field: str) -> str:
    """E-mail, phone and address fields by what they make together; "" for fields that stand alone."""
    if field in ("street", "city", "region", "postal_code", "country", "address", "address_label"):
        return "address"
    return field.removesuffix("_label") if field in ("email", "email_label", "phone", "phone_label") else ""


def contradicts(field: str, hint: str) -> bool:
    """Whether values that look like `hint` cannot be `field`; a note or a source may well hold an address."""
    return (
        field != hint
        and hint in ("email", "phone")
        and field in ("name", "email", "phone", "address", "street", "website", "company")
    )


def _title(others: Set[str]) -> Meaning:
    if "job title" in others:
        return Meaning("prefix", reason=N_("“Title” beside a job title is the form of address."))
    return Meaning("job_title", confidence=0.7, reason=N_("“Title” is mostly a job title."))


def _numbered(name: str) -> Meaning | None:
    """Google's "E-mail 1 - Value", "Address 2 - City"."""
    found = _NUMBERED.fullmatch(name)
    if not found or (name.startswith("website") and found["part"] != "value"):
        return None
    what, part = found["kind"].replace("e mail", "email"), _PARTS.get(found["part"], found["part"]).replace(" ", "_")
    if what == "website":
        return Meaning("website", found["n"])
    if part == "label":
        return Meaning(f"{what}_label", found["n"])
    if what != "address":
        return Meaning(what, found["n"]) if part == "value" else None
    field = {"formatted": "address", "po_box": "street", "extended_address": "street"}.get(part, part)
    return Meaning(field, found["n"])


def _placed(name: str) -> Meaning | None:
    """Outlook's "Home Street", "Business Phone 2"; "Cell"; "Work email"."""
    if found := _PLACED_ADDRESS.fullmatch(name):
        part = re.sub(r"( line)?( [123])?$", "", found["part"])
        field = _PARTS.get(part, part).replace(" ", "_")
        if field in ("address", "street_address", "address_po_box", "po_box", "street"):
            field = "street"
        label = _PLACES[found["place"]]
        alone = found["part"] == "address"
        return Meaning("address" if alone else field, found["place"], label)
    if found := _PLACED_EMAIL.fullmatch(name):
        return Meaning(
            "email", name, _PLACES.get(found["place"], "main" if found["place"] in ("primary", "main") else "")
        )
    found = _PLACED_PHONE.fullmatch(name)
    if found and (name not in _BARE_PLACES or name in _ALONE_PHONE):
        return Meaning("phone", name, _PHONE_LABELS.get(found["place"], _PLACES.get(found["place"], "other")))
    return None


def _plain(name: str) -> Meaning | None:
    if name in _KNOWN:
        return Meaning(_KNOWN[name], confidence=0.7 if name in _WEAK else 0.95)
    if _LEFT_OUT.fullmatch(name):
        return Meaning(
            "", confidence=0.9, reason=N_("Contacts have no field for this, or it belongs to the other program.")
        )
    return None


def _loose(name: str) -> Meaning | None:
    """Names with a number or a filler word: "Email 2", "E-mail 2 Address", "Client e-mail"."""
    if found := _COUNTED.fullmatch(name):
        base = _KNOWN.get(found["base"]) or _KNOWN.get(f"{found['base']}{found['rest'] or ''}")
        if base in ("email", "phone"):
            return Meaning(
                f"{base}_label" if found["rest"] in (" type", " label") else base, found["n"], confidence=0.9
            )
        if base in ("street", "notes", "tags") or found["base"] in ("address line", "address"):
            return Meaning("street" if base in (None, "address") else base, confidence=0.85)
    bare = " ".join(_FILLERS.sub(" ", name).split())
    if bare != name and (field := _KNOWN.get(bare)):
        return Meaning(field, confidence=0.8, reason=_("Reads like “{name}”.", name=bare))
    if bare != name and (placed := _placed(bare)):
        return placed
    for word, field in (
        ("email", "email"),
        ("correo", "email"),
        ("phone", "phone"),
        ("telefono", "phone"),
        ("birthday", "birthday"),
    ):
        if word in name.split():
            return Meaning(field, confidence=0.6, reason=_("Its name holds “{word}”.", word=word))
    return None
