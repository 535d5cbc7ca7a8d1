"""Clinical texts of ours without a trap: no layer may touch, flag or refuse them."""

CLINICAL = (
    "72 yo F with SpO₂ 88 % on room air, β-blocker, <5 mm nodule ± effusion",
    "lésion hypodense du segment IV, 3 × 4 cm, à comparer",
    "T2-hyperintense lesion at L4/L5 → compare with CT of 03/04/2021",
    "10 µg/kg, 37.5 °C, 1.73 m², ½ dose, ≥3 cm, ≤ 2 weeks",
    "Crohn disease with terminal ileitis, Chiari I malformation, Graves' ophthalmopathy",
    "MR Brain without contrast; DR Chest PA; MS lesions?",
    "HbA1c 7.2 %, INR 1.1, CA 19-9 raised, 18F-FDG uptake, SUVmax 4.5",
    "Dr. Graves' disease question: proptosis, TSH 0.01 mIU/L",
    "α-fetoprotein 400 ng/mL, Δ density 12 HU, γ-knife planned, λ chain",
    "compare with prior of 2019-05-03, series 4 image 112, slice thickness 1.25 mm",
)
