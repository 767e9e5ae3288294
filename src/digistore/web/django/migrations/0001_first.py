"""The first tables."""

from typing import ClassVar

from django.db import migrations

from digistore.web.django.revisions import revision


class Migration(migrations.Migration):
    """Revision ``dg0001``."""

    initial = True
    operations: ClassVar = [revision("dg0001", after=None)]
