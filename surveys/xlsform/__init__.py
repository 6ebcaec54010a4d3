"""XLSForm, the workbook format of ODK and Kobo: in and out."""

from .reading import Imported, read_xlsform
from .writing import write_xlsform

__all__ = ["Imported", "read_xlsform", "write_xlsform"]
