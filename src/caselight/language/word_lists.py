"""Lists of English words that the rules of this room go by."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


EVERYDAY = _words(
    """
    abc ace ad ads ai all am an and ant ar are arm as at be by ca cad can cap cast cat cc cm cms
    cp cpa crest de di dish do dr drain dx ed eg en es et ez fa fab fib gist go ha had he hi hot
    ibid id ie if ilc in inn is it jp la lad le lib los lot lp ma mac mad mals mas map md me men
    mg mi mm mr mrs ms my no nod not nt oct of off on op opt or ort pa pad pan par pc ped peg
    pet pm pr pres ps pt pts pv rat rd re sax sec she so sob sol spect st tab tad tee the tie
    tips tis to toe ton tr ts tv uc up us use vs was way we who yo
    """
)
"""Words, titles and units that are no abbreviation of ours in lower case. "VS" is "versus"."""

CLINICAL = _words(
    """
    r/o h/o s/p c/o rule ruled evaluate evaluation assess assessment suspected suspicion
    suspicious history hx patient status post concern concerning exclude consistent diagnosis
    diagnosed follow followup known chronic acute severe mild moderate bilateral old prior
    previous scan study screening case cases negative positive findings signs evidence
    """
)
"""Words that speak of patients and findings, and so make two letters an abbreviation."""

JOINS = _words(
    """
    a an the of in within at on to is are was were be been being appear appears appeared remain
    remains remained seem seems look looks size shadow lobe lobes segment aspect portion part
    pole tip dome contour silhouette border borders region area level again still now not no non
    without never mildly mild moderately moderate severely severe slightly slight markedly
    marked grossly minimally minimal borderline significantly somewhat very top normal limits
    upper diffusely diffuse focally focal probably possibly likely overall stable stably
    bilaterally bilateral both left right sided side has have had involving affecting throughout
    demonstrates shows there small large tiny big
    """
)
"""Words that may stand between the halves of a pair: "the heart *is not* enlarged"."""

AND = frozenset({"and", "or", "nor"})
"""Words that join two names."""
