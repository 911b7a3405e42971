"""Pages of members."""
from flask import Blueprint
pages = Blueprint("members", __name__, url_prefix="/settings")
