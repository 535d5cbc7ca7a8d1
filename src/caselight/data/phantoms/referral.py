"""The words of the referrer: why a phantom was sent for a film."""

REASONS: dict[str, tuple[str, ...]] = {
    "atelectasis": ("postoperative day 2", "shallow breathing", "recent abdominal surgery"),
    "cardiomegaly": ("hypertension", "reduced exercise tolerance", "heart murmur", "palpitations"),
    "consolidation": ("cough and fever", "productive cough", "fever and chills", "raised CRP"),
    "device": ("check of pacemaker", "bradycardia", "after pacemaker insertion", "syncope"),
    "edema": ("shortness of breath", "orthopnea", "leg swelling", "acute dyspnea"),
    "effusion": ("dyspnea", "dullness at the base", "pleuritic pain", "shortness of breath"),
    "nodule": ("weight loss", "smoker with cough", "hemoptysis", "staging"),
    "pneumothorax": ("sudden chest pain", "chest trauma", "acute dyspnea", "after line placement"),
    "normal": (
        "preoperative assessment",
        "routine check",
        "chest pain",
        "cough",
        "employment screening",
        "fever of unknown origin",
        "positive tuberculin test",
    ),
}
"""Main finding, or "normal", to what brought the patient in."""

QUESTIONS = (
    "pneumonia",
    "heart failure",
    "acute disease",
    "effusion",
    "pneumothorax",
    "infiltrate",
    "mass",
    "fluid overload",
)
"""What a referrer asks about, whether it is there or not."""

INDICATIONS: tuple[str, ...] = (
    "{reason}",
    "{reason}; evaluate for {question}",
    "clinical details: {reason}",
    "{reason}, rule out {question}",
    "reason for exam: {reason}",
    "{reason}. Question of {question}",
)
