"""Words that are names to some people and plain words to every report."""

import re

_TITLES = """
dr doctor mr mrs ms miss mx prof professor sir herr frau mme madame mlle docteur sr sra senor senora
sig dott
"""
TITLES = frozenset(_TITLES.split())
_AFFIXES = """
dr doctor mr mrs ms miss mx prof professor sir md do phd mbbs frcr rn np pa pac jr sr ii iii iv esq
dds dvm msc bsc ma facr
"""
AFFIXES = frozenset(_AFFIXES.split())
"""Prefixes and suffixes that come with a name and are none."""

_PARTICLES = """
van von der den de del della da di do dos das du la le el al bin bint ibn ben abu ter ten zu af av
san santa st
"""
PARTICLES = frozenset(_PARTICLES.split())

_CLINICAL = """
abdomen abrupt abscess acute adrenal age aged air airway anatomy angel angle ankle antrum aorta
aortic apex apical arch area arm arms artery ascending atrium axial axilla back balloon band bar
basal base bases bead beam bed bell belt biopsy bladder bleed blood blunt body bone bones bony
border bowel brain branch branches breast breath bright broad bronchi bubble bulb bulge burn burns
bypass calcium canal cancer cardiac carina cast catheter cavity cell cells cervical chamber change
chest chin circle clamp clear clip close cloud coil coin cold colon column cord core corner coronal
cortex cough count course crack crest cross crush cuff curve cut cyst deep dense density device disc
disk dome drain drains duct dye ear early edge effusion elbow end entry eye face facet fat feather
feed fever few fibula field fields film filter fine finger flank flat floor flow fluid focal focus
fold folds foot free front full fundus gall gap gas gland glass good grade graft grain great groin
gross ground growth gut hair half hand hands hard head heart heel height hernia high hila hilar hill
hilum hip hips hook horn hump hunter ileum inch index infant injury inlet iron jaw joint joints
kidney knee large last late lateral layer lead leads leaf left leg legs lens lesion level lid light
limb line lines lip lips liver lobe lobes local long low lower lumbar lump lung lungs lymph major
mark marker markings marks mass medial medium mesh mid middle mild minor mitral moderate mole mouth
muscle nail narrow nasal neck needle nerve new node nodes nodule noise normal nose notch old open
oral orbit organ outlet oval pad pain palate pale pan panel paper part patch patella pelvis pin pith
place plain plane plate pleura pole pool poor port post pouch power pressure prior probe process
pulse pump pyle quick rapid rare raw ray rays recess redo renal rest rib ribs rich right rim ring
rings rise rod rods roof root roots round rupture sac sagittal sail salt sand scan scar screw seat
septum severe shadow shaft sharp sheath shell shift short shoulder shunt side sign silver sinus site
size skin skull slight sling slow small smooth snow soft solid space span speck spine spleen spot
spots spur stable staple stem stenosis stent stern sternal stiff still stomach stone stones straight
strand stroke strong stump subtle swan sweet swell tail talus tear temple tender thick thigh thin
thorax throat thumb thymus tibia tip tissue toe tongue tooth trace track tract tree trunk tube tumor
tumour tunnel turn twist ulcer ulna upper vague valve vein veins ventral vessel view views void
volume wall warm water wave weak web wedge well wells west white wide wing wire wires wood woods
wound wrist young youth zone
"""
_ORDINARY = """
able about above across admin after again all also and anonymised anonymized anonymous any april are
art as at august away baby bad be been before below beside best better big bill birth black block
blue bond book both boy bring brook brown but butler by call came can carter case cases chance
charge child church city clay clinic coast coffee come comes common cook could country county court
dark date dates day days demo did do does done down draw drive due each east easy else ever every
fair fall fast father favor feature figure final find first fish five four frank from further gene
general gentle gift given go gold gone grace grand grave gray green grey had hall handy happy has
have he head held help her here hers high him his hold holder home hope hospital house how if in
into iris is it its job july june just keen keep key kind know lake land lane law lay less let like
likely little lock look lord lot love made man many march mark may me mean means miles mill mine
more most mother much must my name near need never next nice night no noble none norm north not note
noted now nurse of off office on one only operator or order other our out over own pace page palm
park past patient per phantom physician piece pine pink plant play point pond present price priest
proper put radiologist read reader real red report reports resident reveal rice ride river rivers
road rock rose rows run said sample saw say scout sea see seen self sell series set shade shall she
ship show shown shows since single six skip smart so some son south spring staff stand star start
state stay steel step stock street study subject such sue summer sun sure table take taken
technician technologist ten test than that the their them then there these they this those three
through thus time to today told too tower town true two under unit unknown until up use used user
very via ward was way we week weeks were what when where which while who whole will winter wise wish
with without word work worth would year years yet you your
"""
PLAIN_WORDS = frozenset(_CLINICAL.split()) | frozenset(_ORDINARY.split())
"""Never taken out alone in small letters or beside other words: "small left effusion" stays whole
for a patient called Small."""

_EPONYMOUS = """
abscess angle aneurysm anomaly bodies body canal catheter change changes chamber classification
criteria cyst cysts deformity disease dislocation drain duct filter fracture fractures gangrene
granulomatosis graft hernia hump index injury joint lesion lesions ligament line lines lymphoma
malformation maneuver method node nodes nodule operation ossification palsy phenomenon plexus pouch
procedure repair ring rod rods sarcoma scale score screw shunt sign sinus space spot stent syndrome
tetralogy thyroiditis triangle tube tumor tumour ulcer valve view
"""
EPONYMOUS = frozenset(_EPONYMOUS.split())
"""Nouns that make the name before them an eponym: "Baker cyst", "Hodgkin lymphoma"."""

HONORIFICS = re.compile(r"\s?(?:様|さん|先生|殿|氏|君|씨|님|선생|教授|医師|女士|小姐|医生)")
"""What follows a person's name in Chinese, Japanese and Korean."""
