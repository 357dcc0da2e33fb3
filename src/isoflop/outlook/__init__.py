"""Where it leads: growth of compute and cost, the stock of data, limits of power, chips and latency, the longest run.

A room beside planning; neither imports the other.

    dates       dates in any usual spelling, as decimal years
    series      a measured series out of a table; its running frontier
    growth      log-linear trends, the running top k, growth of cost from compute and price
    piecewise   a line through logarithms that may bend
    breaks      whether it bends, when, and how sure that is
    backtests   a trend tried on its own past, beside the naive forecasts
    trend       all of that about one series, and its forecasts
    frontier    the shipped lines of compute and cost, and the largest run known
    shipped     what compute, cost, data and limits answer, as the values of ``answers``
    stock       tokens that exist, tokens that are used, the year in which they meet
    demand      three accounts of use, and the ways out
    limits      the largest run that power, chips, data or latency allow
    latency     the largest run that fits into months, however many chips
    progress    the longest run worth starting
    effective   what compute is worth in FLOP of an earlier year's methods
    accounts    how much came from compute, from data and from methods
    waiting     whether a run is better begun later
    dennard     why a scaling law stopped
    sampling    lognormals from published bounds, margins of error
    survey      the error of an average as the first scaling law
    spread      a few quantiles of draws
    revenue     what hardware spending asks of revenue
"""
