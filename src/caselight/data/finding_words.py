"""The words of `findings.py`: names of findings and how they are spelled.

A spelling is a regular expression over lower-case text in which every run of white space and
hyphens is one space; it is matched as whole words. Where two overlap the longer one counts, so a
"pericardial effusion" is no pleural effusion.
"""

NAMES: dict[str, tuple[str, ...]] = {
    # The chest, by the names of CheXpert, ChestX-ray14 and CT-RATE.
    "atelectasis": (r"(?:fibro)?atelecta\w+", r"collapse of the \w+(?: \w+)? (?:lung|lobe)"),
    "cardiomegaly": (
        r"cardiomegal\w+",
        r"(?:cardiac|heart) enlargement",
        r"(?:enlarged|enlargement of)(?: the)? (?:heart|cardiac(?: (?:silhouette|shadow|size))?)",
        r"(?:heart|cardiac (?:silhouette|contour|shadow|size))"
        r"(?: (?:size|is|are|was|were|appears?|remains?|again|at|upper|limits?|of|normal|not|"
        r"slightly|mildly|moderately|markedly|severely|significantly|borderline|top|stably))*"
        r" (?:enlarged|increased)",
        r"(?:increased|large) (?:heart|cardiac)(?: size| silhouette)?",
        r"(?:heart|cardiac)(?: size)? (?:is|was) (?:above (?:the )?|larger than )normal",
        r"(?:cardiothoracic (?:index|ratio)|ctr)(?: was| is| has)?(?: \w+ly)? increased?",
        r"increased? (?:in )?(?:the )?(?:cardiothoracic (?:index|ratio)|ctr|heart size)",
    ),
    "consolidation": (r"consolidat(?:ion|ions|ive|ed)", r"air ?space disease"),
    "opacity": (
        *(r"opacit(?:y|ies)", r"opacifications?", r"opacified", r"infiltrat(?:es?|ions?|ive)"),
        *(r"(?:ground|frosted) glass(?: \w+)?", r"air ?space densit(?:y|ies)"),
    ),
    "edema": (
        r"(?:pulmonary |interstitial |alveolar )?o?edema",
        r"(?:(?:pulmonary|vascular|venous) )+congestion|congestive heart failure|chf",
    ),
    "pleural effusion": (
        *(r"(?:pleural )?effusions?", r"(?:pleural|loculated) fluid(?: collections?)?"),
        r"(?:hydro|hemo)thorax",
    ),
    "pleural thickening": (
        r"pleural (?!effusion)(?:\w+ )?(?:thickening|thickness|scar\w*|plaques?)",
    ),
    "pneumothorax": (r"(?:hydro)?pneumothora\w+|ptx",),
    "pneumonia": (r"(?:broncho)?pneumoni(?:as?|c)|infectious process(?:es)?|covid(?: \d+)?",),
    "emphysema": (r"emphysema\w*|bullae?|bullous|copd|chronic obstructive pulmonary disease",),
    "hyperinflation": (r"hyper ?(?:inflat|expan|aerat|lucen|disten)\w+|flattened diaphragms?",),
    "low lung volumes": (
        r"low lung volumes?|lung volumes (?:are|is) low|hypo ?(?:inflat|aerat)\w+",
    ),
    "fibrosis": (
        *(r"(?:pleuro ?)?fibro(?:sis|tic)(?! dysplasia)", r"fibroatelecta\w+", r"fibrothorax"),
        *(r"scar(?:s|ring)?", r"cicatri\w+", r"sequelae?", r"honeycombing"),
    ),
    "lung nodule": (
        r"(?:(?:lung|pulmonary|parenchymal|subpleural) )?(?:micro ?)?nodul(?:es?|ar)"
        r"(?: (?:densit\w+|opacit\w+|lesions?|formations?))?",
    ),
    "granuloma": (r"granulom\w+",),
    "bronchiectasis": (r"bronchi?o?lo?ecta\w+|bronchiecta\w+|bronchial dilat\w+",),
    "bronchial wall thickening": (
        r"(?:peri ?)?bronch\w+ (?:wall )?(?:thicken\w+|cuffing|thickness\w*)",
        r"thickening (?:of|in) the (?:peri ?)?bronch\w+(?: walls?)?",
    ),
    "septal thickening": (
        r"(?:(?:inter|intra)lobular )?sept\w+ (?:and \w+ )?thick\w+|kerley \w+(?: lines?)?",
        r"thick\w+ (?:of|in) (?:the )?(?:inter|intra)lobular sept\w+",
    ),
    "mosaic attenuation": (r"mosaic(?: (?:attenuation|density|perfusion|pattern))*",),
    "interstitial markings": (
        r"(?:interstitial|bronchovascular|reticular) (?:\w+ )?(?:markings?|prominence|pattern)",
        r"reticul(?:ar|ation)\w*|interstitial (?:lung )?disease",
    ),
    "cavity": (r"cavit(?:y|ies|ary|ation|ating)",),
    "elevated diaphragm": (
        r"elevat(?:ed|ion)(?: of)?(?: the)?(?: right| left)? (?:hemi)?diaphragm",
        r"(?:hemi)?diaphragm(?: is| remains)?(?: \w+)? elevated|eventrations?",
    ),
    "hiatal hernia": (r"(?:hiatal|hiatus|diaphragmatic) herni\w+|herni\w+ (?:at|of) the hiatus",),
    "pericardial effusion": (
        r"pericardial (?:\w+ )?(?:effusions?|fluid)",
        r"(?:effusions?|fluid)(?: \w+){0,10} (?:in|of) the (?:\w+ ){0,4}pericardi\w+(?: \w+)?",
    ),
    "pulmonary embolism": (r"(?:pulmonary )?embol(?:ism|us|i)|filling defects?",),
    "pulmonary hypertension": (r"pulmonary (?:arterial )?hypertension",),
    "arterial calcification": (
        r"(?:aort\w+|vascular|arter(?:y|ies|ial)|coronary)(?: \w+){0,3} (?:calcif\w+|plaques?)",
        r"calcif\w+(?: \w+){0,4} (?:aort\w+|arter(?:y|ies|ial)|vascular|coronary)(?: \w+)?",
        r"atherosclero\w+|atheroma\w*",
    ),
    "tortuous aorta": (
        r"(?:tortuous|ectatic|unfolded|uncoiled)(?:(?: \w+){0,3} aort\w+)?",
        r"aort\w+(?: is| appears| are)?(?: \w+){0,2} (?:tortuous|ectatic|ectasia)|tortuosity",
    ),
    "aneurysm": (r"(?:pseudo)?aneurysm\w*",),
    "dissection": (r"dissect(?:ions?|ed|ing)|intimal flap",),
    # Bones and joints.
    "fracture": (r"(?:micro)?fractur\w+|fx",),
    "degenerative change": (
        r"(?:degenerat\w+|arthritic)(?: (?:\w+ )?(?:changes?|disease))?",
        r"spondyl(?:osis|otic)(?: changes?)?|osteophyt\w+|(?:osteo)?arthr(?:itis|osis)|spurring",
        r"spurs|end ?plate changes?|disc disease",
    ),
    "scoliosis": (r"\w*scolio\w+|(?:dextro|levo) ?curv\w+",),
    "kyphosis": (r"kypho(?:sis|tic)",),
    "osteopenia": (r"osteop(?:enia|enic|orosis|orotic)|demineraliz\w+|osteodystrophy",),
    "dislocation": (r"(?:sub ?)?luxat\w+|dislocat\w+",),
    "lytic lesion": (r"(?:osteo)?lytic(?: \w+)?",),
    "tear": (r"tears?|torn|ruptur\w+",),
    # Anywhere in the body.
    "mass": (
        r"mass(?:es)?(?! effect)|neoplas\w+|tumou?r\w*|carcinoma\w*|malignan(?:cy|cies|t)",
        r"space occupying(?: lesions?)?|lymphoma|\w*sarcoma",
    ),
    "metastasis": (r"metasta\w+",),
    "lymphadenopathy": (
        r"(?:patholog\w+ )?(?:lymph)?adenopath\w+|lymphadenomegal\w+",
        r"(?:enlarged|patholog\w+|prominent)(?: \w+){0,4} (?:lymph )?nodes?",
        r"lymph ?nodes?(?: \w+){0,3} (?:enlarged|in pathological \w+)",
    ),
    "lymph node": (r"(?:calcified )?lymph ?nodes?",),
    "cyst": (r"(?:pseudo)?cyst(?:s|ic)?",),
    "abscess": (r"abscess\w*|empyema\w*",),
    "hemorrhage": (r"ha?emorrhag\w+|(?:(?:subdural|epidural) )?ha?ematomas?|bleed(?:ing)?",),
    "infarct": (r"infarct\w*|stroke|ischa?emi[ac](?: changes?)?",),
    "thrombus": (r"thromb(?:us|i|osis|osed|oses)",),
    "stenosis": (r"steno(?:sis|ses|tic)|occlusions?|occluded",),
    "calcification": (r"(?:micro)?calcifi(?:cations?|ed)|calcinosis",),
    "necrosis": (r"necro(?:sis|tic)",),
    "enhancement": (r"enhanc(?:ing|ement|es)",),
    "hernia": (r"herni(?:as?|ated|ations?)",),
    "lipoma": (r"lipoma\w*",),
    # Brain and spine.
    "hydrocephalus": (
        r"hydrocephal\w+|ventriculomegaly|(?:dilat|enlarg)\w+(?: \w+){0,3} ventricles",
    ),
    "midline shift": (r"(?:midline|mediastinal) shift|shift of (?:the )?(?:midline|mediastin\w+)",),
    "mass effect": (r"mass effect|effacement",),
    "restricted diffusion": (r"restricted diffusion|diffusion restriction",),
    "demyelination": (r"demyelinat\w+|multiple sclerosis",),
    "meningioma": (r"meningioma\w*",),
    "glioma": (r"\w*glio(?:mas?|blastomas?)|astrocytoma\w*",),
    "schwannoma": (r"schwannoma\w*|neuroma\w*",),
    "syrinx": (r"syrinx|syringomyelia",),
    "vascular malformation": (r"(?:arteriovenous|vascular) malformations?|avms?|cavernomas?",),
    # Abdomen and pelvis.
    "hydronephrosis": (r"(?:uretero)?hydro(?:nephro|uretero?)\w+",),
    "kidney stone": (
        r"(?:nephro|uretero)lith\w*|(?:kidney|renal|ureter\w*|urinary) (?:stones?|calcul\w+)",
    ),
    "gallstones": (r"gallstones?|chole(?:docho)?lith\w+",),
    "cholecystitis": (r"cholecystitis",),
    "appendicitis": (r"appendicitis",),
    "diverticula": (r"diverticul\w+",),
    "pancreatitis": (r"pancreatitis",),
    "ascites": (r"ascites|(?:free|intraperitoneal|peritoneal) fluid",),
    "free air": (r"free (?:(?:intra)?peritoneal )?(?:air|gas)|pneumoperitoneum",),
    "pneumomediastinum": (r"pneumomediastinum",),
    "bowel obstruction": (
        r"(?:bowel|intestinal) obstruct\w+|ileus|intussuscept\w+|volvulus",
        r"dilat\w+(?: \w+){0,3} (?:loops|bowel)(?: of)?(?: small)?(?: bowel)?",
    ),
    "fatty liver": (r"(?:hepato)?steatosis|fatty liver|(?:hepatic|liver) fat\w*",),
    "cirrhosis": (r"cirrho\w+",),
    "organomegaly": (r"(?:hepato|spleno|hepatospleno)megaly",),
    "hemangioma": (r"ha?emangioma\w*",),
    # What was put in or done.
    "device": (
        *(
            r"catheters?|pacemakers?|pacer|picc|defibrillator|a?icd|tracheostomy|stents?|prosthe\w+",
        ),
        *(r"(?:media|infusa|power)?ports?(?! able)|(?:central|venous|picc) lines?|tubes?",),
        *(r"(?:cardiac|pacemaker|pacing) leads?|generator|implants?|hardware|cannula",),
    ),
    "sternotomy": (
        r"(?:median )?sternotomy(?: \w+)?|sternal wires|cabg|(?:coronary )?bypass(?: \w+)?",
    ),
    "surgical clip": (r"(?:surgical )?(?:clips?|staples?)|sutures?|suture materials?",),
    "surgical change": (
        r"post ?(?:surgical|operative)|(?:mast|lob|pneumon|cholecyst)ectomy|fusion|resection",
        r"surgical (?:materials?|changes?)",
    ),
}
"""Name to its spellings."""

MIDLINE = frozenset(
    (
        *("cardiomegaly", "hiatal hernia", "pericardial effusion", "tortuous aorta", "scoliosis"),
        *("kyphosis", "osteopenia", "hydrocephalus", "midline shift", "syrinx", "ascites"),
        *("free air", "pneumomediastinum", "pulmonary hypertension", "low lung volumes"),
        *("hyperinflation", "edema", "arterial calcification"),
        *("degenerative change", "fatty liver", "cirrhosis", "organomegaly", "gallstones"),
        *("cholecystitis", "appendicitis", "pancreatitis", "bowel obstruction", "device"),
        *("sternotomy", "surgical clip", "surgical change"),
    )
)
"""Findings whose side is not read: they have none, or it says only which way they point."""
