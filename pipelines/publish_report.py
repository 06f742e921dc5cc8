"""placeholder"""
def publish_report(recipe, workspace):
    return None
