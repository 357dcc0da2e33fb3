"""What loss buys: skills, their metrics, and what thinking longer adds.

metrics         what a per-token probability is worth under each metric
skill           curves from chance to a ceiling, of loss or compute
skill_forecast  the score of a model not yet made
attempts        pass@k from counted successes
coverage        how coverage grows with attempts
extrapolate     the forecast of many attempts from few
choosing        majority vote and best of n when the judge errs
"""
